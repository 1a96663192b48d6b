/** What functions of C depend on, so that each is written once for all nodes that are computed alike. */
import { printAttributes } from "../program/tensor.js";
import { numberText } from "./loop-body.js";
import type { NativeFunction } from "./loops.js";
import type { NativeNode } from "./nodes.js";
import { isLiteral, type Product } from "./plan.js";

/** A text of all that the loops of a node depend on, and its nodes in an order that follows from the text. */
export interface Structure {
  readonly text: string;
  readonly nodes: readonly NativeNode[];
}

/** The structure of what is computed in the loops of a stored node, down to the arrays that they read. */
export function structureOf(root: NativeNode, stored: ReadonlySet<NativeNode>): Structure {
  const places = new Map<NativeNode, number>();
  const lines: string[] = [];
  const visit = (node: NativeNode): number => {
    const known = places.get(node);
    if (known !== undefined) return known;
    const line = `${lineOf(node)} ${node.dtype} ${node.shape}`;
    const place = places.size;
    places.set(node, place);
    lines.push(line);
    return place;
  };
  const lineOf = (node: NativeNode): string => {
    if (node !== root && stored.has(node)) return "array";
    if (isLiteral(node)) return numberText(Number(node.tensor.data![0]), node.dtype);
    return `${node.tensor.primitive!.name}(${node.inputs.map(visit)})${printAttributes(node.attributes)}`;
  };
  visit(root);
  return { text: lines.join("\n"), nodes: [...places.keys()] };
}

/** Functions by their structures: one that is known is told of its own arrays. */
export class FunctionsByStructure {
  private readonly known = new Map<
    string,
    readonly { readonly made: NativeFunction; readonly reads: readonly number[] }[]
  >();

  of({ text, nodes }: Structure, make: () => readonly NativeFunction[]): readonly NativeFunction[] {
    let known = this.known.get(text);
    if (!known) {
      known = make().map((made) => ({ made, reads: made.reads.map((read) => nodes.indexOf(read)) }));
      this.known.set(text, known);
    }
    return known.map(({ made, reads }) => ({ ...made, reads: reads.map((place) => nodes[place]!) }));
  }
}

/** The structure of one product of a node. */
export function structureOfProduct({ dtype }: NativeNode, { a, b, ...places }: Product): Structure {
  return { text: `${dtype} ${a === b ? "square " : ""}${JSON.stringify(places)}`, nodes: [a, b] };
}
