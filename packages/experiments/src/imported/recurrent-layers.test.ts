/**
 * Recurrent layers that PyTorch wrote (`weights.py` of the fixtures): with their gates in our order and their two biases as
 * one they go through the states that PyTorch computed.
 */
import { readFileSync } from "node:fs";
import { key } from "@innerloop/core";
import { type GruCell, gruCell, type LstmCell, lstmCell, traitsOf } from "@innerloop/core/layers";
import { decodeWritten } from "@innerloop/core/training";
import { interpret, type Tree, tensor } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import type { ParameterSource } from "./import-map.js";
import { type MatchedParameters, matchedParameters } from "./matched-parameters.js";

const fixtures = new URL("../../../node/src/runs/fixtures/torch/", import.meta.url);
const read = (name: string) => decodeWritten(readFileSync(new URL(name, fixtures)));
const file = read("recurrent.safetensors");
const states = read("recurrent-check.safetensors");
const { data: sequence } = states.get("sequence")!;
const [length, rows, inputs, hidden] = [5, 2, 3, 4];

const tensorsOf = (layer: string) => new Map([...file].filter(([name]) => name.startsWith(`${layer}.`)));
const sourcesOf = (layer: string, bias: Partial<{ plus: string; layout: "recurrent" | "same" }> = {}) =>
  new Map<string, ParameterSource>([
    ["inputWeight", { from: `${layer}.weight_ih_l0` }],
    ["hiddenWeight", { from: `${layer}.weight_hh_l0` }],
    ["bias", { from: `${layer}.bias_ih_l0`, plus: `${layer}.bias_hh_l0`, ...bias }],
  ]);

function matched(
  cell: GruCell | LstmCell,
  layer: string,
  parameters: ReadonlyMap<string, ParameterSource> = sourcesOf(layer),
  ignored: readonly string[] = [],
): MatchedParameters {
  const map = { parameters, ignored, statistics: new Set<string>() };
  return matchedParameters(cell.init(key(1)), traitsOf(cell), tensorsOf(layer), map, "recurrent.safetensors");
}

/** The hidden states of a cell over the sequence, row after row. */
function statesOf(step: (x: ReturnType<typeof tensor>) => ReturnType<typeof tensor>): number[] {
  const size = rows * inputs;
  const each = Array.from({ length }, (_, t) =>
    step(tensor((sequence as Float32Array).slice(t * size, (t + 1) * size), [rows, inputs])),
  );
  return interpret(each).flatMap((values) => Array.from(values as Float64Array));
}

function throughLstm(params: Tree): number[] {
  const cell = lstmCell({ inputs, hidden });
  let state = cell.start(rows);
  return statesOf((x) => {
    state = cell.step(params as never, x, state);
    return state.hidden;
  });
}

function throughGru(params: Tree): number[] {
  const cell = gruCell({ inputs, hidden });
  let state = cell.start(rows);
  return statesOf((x) => {
    state = cell.step(params as never, x, state);
    return state;
  });
}

const furthest = (found: readonly number[], layer: string): number => {
  const expected = states.get(layer)!.data as Float32Array;
  expect(found).toHaveLength(expected.length);
  return Math.max(...found.map((value, i) => Math.abs(value - expected[i]!)));
};

describe("a recurrent layer of PyTorch", () => {
  test("is ours by the order of its gates and the sum of its biases: LSTM", () => {
    const { params, matched: told } = matched(lstmCell({ inputs, hidden }), "lstm");
    expect(told.map(({ path, how }) => [path, how])).toEqual([
      ["inputWeight", "recurrent, inferred"],
      ["hiddenWeight", "recurrent, inferred"],
      ["bias", 'plus "lstm.bias_hh_l0"; recurrent, inferred'],
    ]);
    expect(furthest(throughLstm(params), "lstm")).toBeLessThan(1e-6);
  });

  test("is ours where the second bias is 0 within the product with the reset gate: GRU", () => {
    const { params } = matched(gruCell({ inputs, hidden }), "gru");
    expect(furthest(throughGru(params), "gru")).toBeLessThan(1e-6);
  });

  test("is refused where it is not, which no single bias can tell", () => {
    expect(() => matched(gruCell({ inputs, hidden }), "usual")).toThrow(
      /ILI03 .*"usual\.bias_hh_l0".*number 8 of it is .*within the product with the reset gate/,
    );
  });

  test("has other states with its gates or biases in another way", () => {
    const cell = lstmCell({ inputs, hidden });
    const without = new Map(sourcesOf("lstm")).set("bias", { from: "lstm.bias_ih_l0" });
    for (const { params } of [
      matched(cell, "lstm", sourcesOf("lstm", { layout: "same" })),
      matched(cell, "lstm", without, ["lstm.bias_hh_l0"]),
    ])
      expect(furthest(throughLstm(params), "lstm")).toBeGreaterThan(1e-3);
  });

  test.each<[string, string, ParameterSource, RegExp]>([
    [
      "a sum of weights",
      "inputWeight",
      { from: "lstm.weight_ih_l0", plus: "lstm.bias_hh_l0" },
      /ILI03 .*inputWeight is no sum of two/,
    ],
    [
      "a sum of different shapes",
      "bias",
      { from: "lstm.bias_ih_l0", plus: "lstm.weight_ih_l0" },
      /ILI03 .*it is \[16, 3\] of float32, and is added to \[16\]/,
    ],
    [
      "a sum with what is not there",
      "bias",
      { from: "lstm.bias_ih_l0", plus: "lstm.bias_hh_l1" },
      /ILI02 .*"lstm\.bias_hh_l1"\. Did you mean "lstm\.bias_hh_l0"/,
    ],
  ])("refuses %s", (_, path, source, problem) => {
    const map = new Map(sourcesOf("lstm")).set(path, source);
    expect(() => matched(lstmCell({ inputs, hidden }), "lstm", map, ["lstm.*"])).toThrow(problem);
  });
});
