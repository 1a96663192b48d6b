import { leaves, type Tensor, type Tree, tensor } from "@innerloop/graph";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeSafetensors, encodeSafetensors } from "../artifacts/safetensors.js";
import { mlp } from "../networks/models.js";
import { noiseLike } from "../numerical.fixture.js";
import type { Optimizer } from "../optimizers/gradient-transformation.js";
import { adam, sgd } from "../optimizers/optimizers.js";
import { key } from "../random/random.js";
import {
  checkpointSummary,
  decodeCheckpoint,
  decodeParams,
  encodeCheckpoint,
  keyWithin,
  type TrainingState,
} from "./checkpoint.js";
import { TrainingError } from "./training-error.js";

const state = (options: { sizes?: readonly number[]; optimizer?: Optimizer; seed?: number } = {}): TrainingState => {
  const { sizes = [1, 3, 2], optimizer = adam({ learningRate: 0.1 }), seed = 5 } = options;
  const params = mlp({ sizes }).init(key(seed));
  return {
    iteration: 12,
    seed,
    chunkSize: 3,
    recompute: 1,
    params,
    optimizer: noiseLike(optimizer.init(params), 1, 1),
    best: { iteration: 10, score: 0.25 },
    setting: "a test",
    sinceBest: 2,
  };
};

const stored = (tree: Tree): unknown[] => leaves(tree).map(({ dtype, shape, data }) => ({ dtype, shape, data }));

/** The code of the error that reading throws; anything but a TrainingError fails the test. */
function codeOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof TrainingError) return error.code;
    throw error;
  }
  return "read";
}

describe("checkpoint", () => {
  const fresh: TrainingState = { ...state(), iteration: 0, chunkSize: 0, sinceBest: 0 };
  const bytes = encodeCheckpoint(state());

  test("of another setting is refused", () => {
    expect(codeOf(() => decodeCheckpoint(bytes, { ...fresh, setting: "another test" }))).toBe("ILR202");
  });

  test("comes back as it was, bit for bit", () => {
    const { params, optimizer, ...training } = decodeCheckpoint(bytes, fresh);
    const { params: wantedParams, optimizer: wantedOptimizer, ...wanted } = state();
    expect(training).toEqual(wanted);
    expect(stored(params)).toEqual(stored(wantedParams));
    expect(stored(optimizer)).toEqual(stored(wantedOptimizer));
    expect(encodeCheckpoint(decodeCheckpoint(bytes, fresh))).toEqual(bytes);
  });

  test("without a best one, and from a window of a larger file at an odd place", () => {
    const { best: _, ...none } = state();
    const encoded = encodeCheckpoint(none);
    const file = new Uint8Array(encoded.length + 9);
    file.set(encoded, 3);
    const decoded = decodeCheckpoint(file.subarray(3, 3 + encoded.length), fresh);
    expect(decoded.best).toBeUndefined();
    expect(stored(decoded.params)).toEqual(stored(none.params));
  });

  test("equal states give equal bytes, in the safetensors layout", () => {
    expect(encodeCheckpoint(state())).toEqual(bytes);
    const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const json = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + header))) as Record<
      string,
      { dtype: string }
    >;
    expect(header % 8).toBe(0);
    expect(json["params/1/weight"]).toMatchObject({ dtype: "F32", shape: [1, 3] });
    expect(Object.keys(json)).toContain("optimizer/second/3/bias");
  });

  test("of another run is refused with ILR202", () => {
    const others: Record<string, TrainingState> = {
      "another seed": state({ seed: 6 }),
      "a wider model": state({ sizes: [1, 4, 2] }),
      "a deeper model": state({ sizes: [1, 3, 3, 2] }),
      "a shallower model": state({ sizes: [1, 2] }),
      "an optimizer with less state": state({ optimizer: adam({ learningRate: 0.1, beta1: 0 }) }),
      "an optimizer without state": state({ optimizer: sgd({ learningRate: 0.1 }) }),
      "another optimizer": state({ optimizer: sgd({ learningRate: 0.1, momentum: 0.9 }) }),
    };
    for (const [name, other] of Object.entries(others)) {
      expect(
        codeOf(() => decodeCheckpoint(bytes, other)),
        name,
      ).toBe("ILR202");
      expect(
        codeOf(() => decodeCheckpoint(encodeCheckpoint(other), fresh)),
        name,
      ).toBe("ILR202");
    }
  });

  test("parameters alone load whatever the optimizer and seed were", () => {
    const other = state({ optimizer: sgd({ learningRate: 0.1 }), seed: 9 });
    const { params, iteration } = decodeParams(encodeCheckpoint(other), fresh.params);
    expect(iteration).toBe(12);
    expect(stored(params)).toEqual(stored(other.params));
    expect(codeOf(() => decodeParams(bytes, state({ sizes: [1, 4, 2] }).params))).toBe("ILR202");
  });
});

/** A file with a header of one's own. */
function fileWith(header: unknown, values = new Uint8Array(0)): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + values.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(values, 8 + json.length);
  return bytes;
}

describe("hostile bytes", () => {
  const fresh: TrainingState = { ...state(), iteration: 0 };
  const good = encodeCheckpoint(state());
  const outcome = (bytes: Uint8Array): string => codeOf(() => decodeCheckpoint(bytes, fresh));
  const refused = (bytes: Uint8Array): void => {
    expect(["ILR201", "ILR202"]).toContain(outcome(bytes));
  };

  test("every truncation is refused, and so is every extension", () => {
    for (let length = 0; length < good.length; length++) expect(outcome(good.subarray(0, length))).toBe("ILR201");
    expect(outcome(Uint8Array.of(...good, 0))).toBe("ILR201");
  });

  test("flipped bits anywhere give a TrainingError or a state, nothing else", () => {
    const header = Number(new DataView(good.buffer).getBigUint64(0, true));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(header + 7), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
        (flips) => {
          const bytes = good.slice();
          for (const [at, mask] of flips) bytes[at]! ^= mask;
          expect(["ILR201", "ILR202", "read"]).toContain(outcome(bytes));
        },
      ),
      { numRuns: 1500 },
    );
  });

  test("a flipped bit is found, wherever it is", () => {
    for (let at = 0; at < good.length; at++) {
      const bytes = good.slice();
      bytes[at]! ^= 1 << (at % 8);
      expect(outcome(bytes), `byte ${at}`).toBe("ILR201");
    }
  });

  test("a file of before there were checksums still loads", () => {
    const { tensors, metadata } = decodeSafetensors(good);
    const { sha256: _, ...others } = metadata;
    const before = { ...others, format: "innerloop checkpoint 1" };
    expect(outcome(encodeSafetensors({ tensors, metadata: before }))).toBe("read");
    expect(outcome(encodeSafetensors({ tensors, metadata: { ...metadata, format: before.format } }))).toBe("ILR201");
    expect(outcome(encodeSafetensors({ tensors, metadata: others }))).toBe("ILR201");
  });

  test("a model larger than the checkpoint is refused before it has memory", () => {
    const wide = mlp({ sizes: [1, 60_000, 60_000, 1] });
    expect(codeOf(() => wide.init(keyWithin(good, 5)))).toBe("ILR202");
    expect(stored(mlp({ sizes: [1, 3, 2] }).init(keyWithin(good, 5)))).toEqual(stored(fresh.params));
    expect(checkpointSummary(good)).toEqual({ iteration: 12, parameters: 14 });
  });

  test("any bytes at all are refused", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refused), { numRuns: 300 });
  });

  test("any JSON as a header is refused", () => {
    const entry = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom("F32", "I64", "BOOL", "F16"), fc.jsonValue()),
        shape: fc.oneof(fc.array(fc.integer({ min: -1, max: 5 }), { maxLength: 3 }), fc.jsonValue()),
        data_offsets: fc.oneof(
          fc.tuple(fc.integer({ min: -1, max: 40 }), fc.integer({ min: -1, max: 40 })),
          fc.jsonValue(),
        ),
      },
      { requiredKeys: [] },
    );
    const header = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(
        fc.oneof(fc.string(), fc.constantFrom("__proto__", "__metadata__", "params/1/weight")),
        fc.oneof(entry, fc.jsonValue()),
      ),
    );
    fc.assert(
      fc.property(header, fc.nat(40), (value, length) => refused(fileWith(value, new Uint8Array(length)))),
      { numRuns: 1000 },
    );
  });

  const metadata = { format: "innerloop checkpoint 1", training: "{}" };
  const scalarAt = (start: number, end: number, more: object = {}) => ({
    dtype: "F32",
    shape: [],
    data_offsets: [start, end],
    ...more,
  });
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;

  test.each<[string, Uint8Array]>([
    ["a header longer than memory", new Uint8Array(16).fill(255)],
    ["a header longer than the file by one", Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, ...new Uint8Array(8).fill(32))],
    ["a header that is not UTF-8", Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xc3, 0x28)],
    ["a header nested deep", fileWith(deep)],
    ["a type nested deep", fileWith(`{"x":{"dtype":${deep},"shape":[],"data_offsets":[0,0]}}`)],
    [
      "a type with a toString of its own",
      fileWith({ x: scalarAt(0, 4, { dtype: { toString: 1, valueOf: 1 } }) }, new Uint8Array(4)),
    ],
    ["a shape of more than memory", fileWith({ x: scalarAt(0, 4, { shape: [2 ** 40, 2 ** 40] }) }, new Uint8Array(4))],
    ["a shape whose product overflows to 0", fileWith({ x: scalarAt(0, 0, { shape: [2 ** 52, 2 ** 52, 0.5] }) })],
    ["a shape of many axes", fileWith({ x: scalarAt(0, 4, { shape: new Array(1e5).fill(1) }) }, new Uint8Array(4))],
    ["negative places", fileWith({ x: scalarAt(-4, 0) })],
    ["places that run backwards", fileWith({ x: scalarAt(4, 0) }, new Uint8Array(4))],
    [
      "places that overlap",
      fileWith({ x: scalarAt(0, 4), y: scalarAt(0, 4), __metadata__: metadata }, new Uint8Array(8)),
    ],
    ["bytes that belong to nothing", fileWith({ x: scalarAt(0, 4), __metadata__: metadata }, new Uint8Array(8))],
    ["metadata that are not strings", fileWith({ __metadata__: { format: 1 } })],
    ["metadata that are a list", fileWith({ __metadata__: [] })],
    ["another format", fileWith({ __metadata__: { format: "pt" } })],
    ["no metadata", fileWith({})],
    ["a training record that is no JSON", fileWith({ __metadata__: { ...metadata, training: "{" } })],
    ["a training record that is null", fileWith({ __metadata__: { ...metadata, training: "null" } })],
    [
      "an iteration that is no whole number",
      fileWith({ __metadata__: { ...metadata, training: '{"iteration":1e300,"seed":5,"chunkSize":1,"sinceBest":0}' } }),
    ],
    [
      "a best score that is no number",
      fileWith({
        __metadata__: {
          ...metadata,
          training: '{"iteration":1,"seed":5,"chunkSize":1,"sinceBest":0,"best":{"iteration":1,"score":null}}',
        },
      }),
    ],
  ])("%s", (_, bytes) => expect(outcome(bytes)).toBe("ILR201"));

  test("names like __proto__ and constructor are names, in files and in what is written", () => {
    const names = ["__proto__", "constructor", "toString", "params/__proto__"];
    const tensors = Object.fromEntries(names.map((name, i): [string, Tensor] => [name, tensor([i])]));
    const decoded = decodeSafetensors(encodeSafetensors({ tensors, metadata: {} }));
    expect(Object.keys(decoded.tensors).sort()).toEqual([...names].sort());
    names.forEach((name, i) => {
      expect(Object.getOwnPropertyDescriptor(decoded.tensors, name)?.value.data).toEqual(Float32Array.of(i));
    });
    expect(Object.getPrototypeOf(decoded.tensors)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
    refused(fileWith('{"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', new Uint8Array(4)));
  });

  test("a tensor cannot be named as the metadata are", () => {
    expect(codeOf(() => encodeSafetensors({ tensors: { __metadata__: tensor([1]) }, metadata: {} }))).toBe("ILR201");
  });
});

test("safetensors are read from a Buffer as from other bytes", () => {
  const tensors = { x: tensor([1, 2], [2], "int32"), y: tensor([0.5, -3], [2], "float32") };
  const bytes = encodeSafetensors({ tensors, metadata: {} });
  // As a reader of files hands them over: part of a larger store.
  const read = decodeSafetensors(Buffer.concat([Buffer.alloc(8), Buffer.from(bytes)]).subarray(8));
  expect(stored(read.tensors)).toEqual(stored(tensors));
});

test("safetensors keep every type", () => {
  const tensors = {
    float: tensor([1.5, -0]),
    double: tensor([Math.PI], [1], "float64"),
    int: tensor([-7, 2 ** 31 - 1], [2], "int32"),
    long: tensor(BigInt64Array.of(-(2n ** 63n)), [1]),
    bool: tensor([1, 0, 1], [3], "bool"),
    empty: tensor(new Float32Array(0), [0, 3]),
    scalar: tensor(4),
  };
  const { tensors: decoded, metadata } = decodeSafetensors(encodeSafetensors({ tensors, metadata: { note: "héllo" } }));
  expect(metadata).toEqual({ note: "héllo" });
  for (const [name, x] of Object.entries(tensors)) {
    expect({ ...stored({ a: decoded[name]! })[0]! }, name).toEqual(stored({ a: x })[0]);
  }
});
