/** Parameters of a run out of a file's tensors, by a map. */

import { roleAt, type TraitsByPath } from "@innerloop/core/layers";
import type { WrittenArray } from "@innerloop/core/training";
import { leaves, paths, sameShape, type Tensor, type Tree, tensor, unflatten } from "@innerloop/graph";
import { quoted } from "../options/outside-text.js";
import { nearestName } from "../options/usage-error.js";
import { counted } from "../words.js";
import { ImportError } from "./import-error.js";
import type { ImportMap, ParameterSource } from "./import-map.js";
import { inferredLayout, type Layout, laidOut, layoutText, shapeOf } from "./parameter-layouts.js";

/** A parameter that was matched, for people. */
export interface MatchedParameter {
  readonly path: string;
  readonly shape: readonly number[];
  /** The tensor that it is; undefined where it is one number everywhere. */
  readonly from?: string;
  /** What was done to it: its layout, whether that was said or inferred, its rounding. */
  readonly how: string;
}

/** Parameters that were matched. */
export interface MatchedParameters {
  readonly params: Tree;
  readonly matched: readonly MatchedParameter[];
  /** Tensors that are left out, with the reason. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[];
}

/** The names of a run's parameters or of a file's tensors, with their shapes. */
export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The parameters of a learner that a map has to name: all but those that nothing moves. */
export function namedParameters(
  params: Tree,
  traits: TraitsByPath,
): readonly (NamedShape & { readonly leaf: Tensor })[] {
  const found = leaves(params);
  return paths(params).flatMap((name, i) =>
    roleAt(traits, name) === "fixed" ? [] : [{ name, shape: found[i]!.shape, leaf: found[i]! }],
  );
}

/** A tensor of the file as a parameter can be of it. */
const isOfNumbers = ({ data }: WrittenArray): boolean => data instanceof Float32Array || data instanceof Float64Array;

/**
 * The parameters of a learner, of a file's tensors.
 *
 * @param first parameters of the learner, whose structure and shapes they have
 * @param where how messages call the file
 * @throws ImportError ILI02 where the map leaves something out on either side, ILI03 where a tensor does not fit
 */
export function matchedParameters(
  first: Tree,
  traits: TraitsByPath,
  tensors: ReadonlyMap<string, WrittenArray>,
  map: Pick<ImportMap, "ignored" | "statistics"> & { readonly parameters: ReadonlyMap<string, ParameterSource> },
  where: string,
): MatchedParameters {
  const ours = namedParameters(first, traits);
  const known = new Set(ours.map(({ name }) => name));
  const unknown = [...map.parameters.keys()].find((path) => !known.has(path));
  if (unknown !== undefined) throw notThere("parameter of the run", unknown, [...known], "the map");
  for (const path of map.statistics)
    if (roleAt(traits, path) !== "averaged")
      throw new ImportError(
        "ILI02",
        "the map",
        `${quoted(path)} is among the statistics, and no running statistic`,
        "Put it among the parameters",
      );
  const used = new Set<WrittenArray>();
  const taken = new Set<string>();
  const missing = ours.filter(({ name }) => !map.parameters.has(name));
  const sources = ours.flatMap(({ name, leaf }) => {
    const source = map.parameters.get(name);
    return source ? [{ path: name, leaf, source }] : [];
  });
  for (const { source } of sources) {
    if (!("from" in source)) continue;
    for (const name of source.plus === undefined ? [source.from] : [source.from, source.plus]) {
      const found = tensors.get(name);
      if (!found) throw notThere("tensor of the file", name, [...tensors.keys()], where);
      taken.add(name);
      used.add(found);
    }
  }
  const leftOut: { name: string; why: string }[] = [];
  const extra: NamedShape[] = [];
  for (const [name, array] of tensors) {
    if (taken.has(name)) continue;
    if (map.ignored.some((pattern) => matches(pattern, name))) leftOut.push({ name, why: "as the map says" });
    else if (!isOfNumbers(array)) leftOut.push({ name, why: "whole numbers, which no parameter is" });
    else if (used.has(array)) leftOut.push({ name, why: "the same numbers as one that is taken" });
    else extra.push({ name, shape: array.shape });
  }
  if (missing.length + extra.length > 0) throw unmatched(missing, extra, where);
  const values = new Map(sources.map((each) => [each.path, madeOf(each, tensors, traits, where)]));
  const firstLeaves = leaves(first);
  const params = unflatten(
    first,
    paths(first).map((path, i) => values.get(path)?.leaf ?? firstLeaves[i]!),
  );
  return { params, matched: sources.map(({ path }) => values.get(path)!.told), leftOut };
}

function madeOf(
  { path, leaf, source }: { readonly path: string; readonly leaf: Tensor; readonly source: ParameterSource },
  tensors: ReadonlyMap<string, WrittenArray>,
  traits: TraitsByPath,
  where: string,
): { readonly leaf: Tensor; readonly told: MatchedParameter } {
  const { shape } = leaf;
  if ("value" in source) {
    const values = new Float32Array(leaf.size).fill(source.value);
    return { leaf: tensor(values, shape), told: { path, shape, how: `${source.value} everywhere` } };
  }
  const { from, plus } = source;
  const array = tensors.get(from)!;
  const { torchAxes, torchGates, torchSum } = traits.get(path) ?? {};
  const fail = (problem: string, remedy: string, name = from): never => {
    throw new ImportError("ILI03", `${where} > ${quoted(name)}`, problem, remedy);
  };
  if (!isOfNumbers(array) || leaf.dtype !== "float32")
    return fail(`it is of ${array.type}, and ${path} of ${leaf.dtype}`, "Name another tensor");
  const inferred =
    source.layout === undefined
      ? inferredLayout(array.shape, shape, { ...(torchAxes && { torchAxes }), ...(torchGates && { torchGates }) })
      : undefined;
  const layout: Layout | undefined = source.layout ?? inferred;
  const shapes = `[${array.shape.join(", ")}] for ${path}, which is [${shape.join(", ")}]`;
  if (layout === undefined) {
    const isSquare = array.shape.length > 1 && sameShape(array.shape, shape);
    return fail(
      isSquare ? `${shapes}, and may be either way round` : shapes,
      isSquare ? 'Say which: "layout": "transpose" or "same"' : "Name another tensor, or change the network's options",
    );
  }
  const becomes = shapeOf(array.shape, layout);
  if (!becomes || !sameShape(becomes, shape))
    return fail(
      `${shapes}, with the layout ${layoutText(layout)}`,
      "Leave the layout out, or give the one that it has",
    );
  if (layout === "recurrent" && !torchGates)
    return fail(`its layout is recurrent, and ${path} is of no recurrent layer`, "Leave the layout out");
  const inOrder = (of: WrittenArray, name: string): Float32Array => {
    const values = Float32Array.from(of.data as Float32Array);
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0)
      return fail(`number ${wrong} of it is ${Number(of.data[wrong])}`, "Weights are finite float32 numbers", name);
    return laidOut(values, of.shape, layout, torchGates);
  };
  const values = inOrder(array, from);
  if (plus !== undefined) {
    const second = tensors.get(plus)!;
    if (!torchSum) return fail(`${path} is no sum of two`, 'Leave "plus" out', plus);
    if (!isOfNumbers(second) || !sameShape(second.shape, array.shape))
      return fail(
        `it is [${second.shape.join(", ")}] of ${second.type}, and is added to [${array.shape.join(", ")}]`,
        "Name the other bias of the same layer",
        plus,
      );
    const added = inOrder(second, plus);
    const part = added.length / (torchGates?.length ?? 1);
    const apart = added.findIndex((value, i) => value !== 0 && torchSum.apart.includes(Math.floor(i / part)));
    if (apart >= 0)
      return fail(
        `number ${apart} of it is ${added[apart]}, of the candidates' part: it stands within the product with the reset gate there, and ${path} has no place for it`,
        "Only a layer whose second bias is 0 in that part (the last third) can be told by one bias",
        plus,
      );
    added.forEach((value, i) => {
      values[i] = Math.fround(values[i]! + value);
    });
  }
  const how = [
    ...(plus === undefined ? [] : [`plus ${quoted(plus)}`]),
    ...(layout === "same" ? [] : [`${layoutText(layout)}${inferred ? ", inferred" : ""}`]),
    ...(array.type === "float32" ? [] : [array.data instanceof Float64Array ? `${array.type}, rounded` : array.type]),
  ];
  return {
    leaf: tensor(values, shape),
    told: { path, shape, from, how: how.join("; ") },
  };
}

/** The question whether a name is one of a pattern's: `*.running_mean`, `head.*`, or the name itself. */
function matches(pattern: string, name: string): boolean {
  if (pattern.startsWith("*")) return name.endsWith(pattern.slice(1));
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function notThere(what: string, name: string, names: readonly string[], where: string): ImportError {
  const near = nearestName(name, names);
  const remedy = near === undefined ? "`--dry-run` lists the names on both sides" : `Did you mean ${quoted(near)}?`;
  return new ImportError("ILI02", where, `there is no ${what} ${quoted(name)}`, remedy);
}

/** Rows of names that a message lists: it has 4,000 characters at most. */
const mostRows = 24;

function unmatched(missing: readonly NamedShape[], extra: readonly NamedShape[], where: string): ImportError {
  const problem = `the map leaves out ${counted(missing.length, "parameter")} of the run and ${counted(extra.length, "tensor")} of the file`;
  const table = sideBySide(missing, extra, mostRows)
    .map((line) => `  ${line}`)
    .join("\n");
  return new ImportError(
    "ILI02",
    where,
    problem,
    `Name each under "parameters", or what is not needed of the file under "ignored"; \`--dry-run\` lists all:\n\n${table}\n`,
  );
}

const longestShown = 64;

/** Names and shapes of both sides, a row each, those of the run first. */
export function sideBySide(
  ours: readonly NamedShape[],
  theirs: readonly NamedShape[],
  most = Number.POSITIVE_INFINITY,
): string[] {
  const textOf = (each: NamedShape | undefined): string =>
    each === undefined
      ? ""
      : `${each.name.length > longestShown ? `${each.name.slice(0, longestShown)}...` : each.name} [${each.shape.join(", ")}]`;
  const count = Math.max(ours.length, theirs.length);
  const rows = Array.from({ length: Math.min(count, most) }, (_, i) => [textOf(ours[i]), textOf(theirs[i])] as const);
  const all = [["of the run", "of the file"] as const, ...rows];
  const width = Math.max(...all.map(([left]) => left.length));
  const more = count > rows.length ? [`... and ${count - rows.length} more rows`] : [];
  return [...all.map(([left, right]) => `${left.padEnd(width)}   ${right}`.trimEnd()), ...more];
}
