import { describe, expect, it } from "vitest";
import { valuesOf } from "../reference/interpreter.js";
import { add } from "./primitives/elementwise.js";
import { type Tensor, tensor } from "./tensor.js";
import { leaves, leavesLike, mapTree, paths, type Tree, unflatten } from "./tree.js";

const [a, b, c] = [tensor([1]), tensor([2]), tensor([3])];
const nested = { layers: [{ weight: a, bias: b }, {}], scale: c };

describe("trees", () => {
  it("name their leaves by path, in the order of leaves", () => {
    expect(paths(nested)).toEqual(["layers/0/weight", "layers/0/bias", "scale"]);
    expect(leaves(nested)).toEqual([a, b, c]);
    expect([paths(a), leaves(a)]).toEqual([[""], [a]]);
    expect([leaves({}), leaves([])]).toEqual([[], []]);
  });

  it("are rebuilt from their leaves", () => {
    const back = unflatten(nested, [c, a, b]);
    expect(back).toEqual({ layers: [{ weight: c, bias: a }, {}], scale: b });
    expect(unflatten(nested, leaves(nested))).toEqual(nested);
    expect(unflatten(a, [b])).toBe(b);
    const odd = JSON.parse('{ "__proto__": {}, "2": {}, "1": {} }');
    const named = unflatten({ ...odd, b: a }, [c]);
    expect(Object.entries(named)).toEqual([...Object.entries(odd), ["b", c]]);
    expect(Object.getPrototypeOf(named)).toBe(Object.prototype);
  });

  it("give their leaves where they are like another, and nothing where they are not", () => {
    const like = { layers: [{ weight: b, bias: c }, {}], scale: a };
    expect(leavesLike(like, nested)).toEqual([b, c, a]);
    expect(leavesLike([], [])).toEqual([]);
    const { layers, scale } = like;
    const others: unknown[] = [
      { scale, layers },
      { layers, scale, more: a },
      { layers, scales: scale },
      { layers: { ...layers }, scale },
      { layers, scale: tensor([1, 2]) },
      { layers, scale: tensor([1], [1], "int32") },
      { layers, scale: { value: a } },
      { layers, scale: null },
      { layers: [layers[0], a], scale },
      a,
      undefined,
    ];
    for (const other of others) expect(leavesLike(other as Tree, nested)).toBeUndefined();
  });

  it("are mapped together by path, not by order", () => {
    const other = { scale: tensor([30]), layers: [{ bias: tensor([20]), weight: tensor([10]) }, {}] };
    const sums = mapTree((x, y) => add(x, y!), nested, other);
    expect(leaves(sums).map((x) => valuesOf(x)[0])).toEqual([11, 22, 33]);
    expect(Object.keys(sums)).toEqual(["layers", "scale"]);
  });

  it("say which leaf is missing", () => {
    const other = { layers: [{ weight: a }, {}], scale: c } as unknown as typeof nested;
    expect(() => mapTree((x) => x, nested, other)).toThrow(/^IL303 tree: structures differ: no leaf layers\/0\/bias/);
    const more = { ...nested, extra: a } as typeof nested;
    expect(() => mapTree((x) => x, nested, more)).toThrow(/^IL303 tree: structures differ: 3 leaves and 4/);
    expect(() => unflatten(nested, [a])).toThrow(/^IL303 unflatten: 1 tensors for 3 places/);
  });

  it.each([
    [{ w: 3 }, "w is the number 3"],
    [{ w: [a, undefined] }, "w/1 is undefined"],
    [{ w: new Float32Array(2) }, "w is a Float32Array"],
    [null, "the root is null"],
    [{ w: "relu" }, "w is the string relu"],
  ])("have tensors for leaves, not %j", (tree, message) => {
    expect(() => leaves(tree as unknown as Tree)).toThrow(message);
  });

  it("keep the type of what they hold", () => {
    const doubled: { readonly weight: Tensor } = mapTree((x) => add(x, x), { weight: a });
    expect(valuesOf(doubled.weight)[0]).toBe(2);
  });
});
