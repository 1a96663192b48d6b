/** Objects in pictures as a kind of exported tasks: what config.json and the bytes of tasks may say of them. */
import { detectionMaps } from "@innerloop/core/detection";
import type { PortableArray } from "@innerloop/graph";
import { describe, expect, test } from "vitest";
import type { KindSetting } from "./exported-kind.js";
import { answersFrom, loadKind } from "./exported-kinds.js";
import { type ExportedInputs, loadForm } from "./input-forms.js";
import { type ObjectAnswers, objectKind } from "./object-kind.js";

const answers: ObjectAnswers = { kind: "objects", ways: 3, stride: 4, least: 0.1, most: 30, overlap: 0.5 };
const inputs = { kind: "picture", size: 16, channels: 1, dtype: "uint8" } as const;
const outputs = ["objectness", "names", "box"];
const setting: KindSetting<ObjectAnswers> = {
  ...{ answers, inputs, outputs, ways: undefined, support: 4 },
  steps: { usual: undefined, fixed: undefined },
};

await Promise.all([loadKind("objects"), ...["picture", "encoded-picture", "numbers"].map(loadForm)]);

/** The same squares, behind an encoder. */
const encoded: ExportedInputs = {
  kind: "encoded-picture",
  shape: [4, 4, 6],
  backbone: {
    ...{ name: "tiny", input: "image", output: "map", size: [16, 16], channels: 3, layout: "NCHW" },
    ...{ mean: [1, 2, 3], scale: [1, 1, 1], pooling: "output", normalize: false },
  },
};

describe.each<readonly [string, ExportedInputs]>([
  ["pixels", inputs],
  ["cells", encoded],
])("answers in config.json, of %s", (_name, seen) => {
  const told = { inputs: seen, outputs, ways: undefined };

  test("are read as they were written, and none of them may be missing", () => {
    expect(answersFrom({ answers: JSON.parse(JSON.stringify(answers)) }, told)).toEqual(answers);
    for (const name of Object.keys(answers)) {
      const { [name]: _, ...others } = answers as unknown as Record<string, unknown>;
      expect(answersFrom({ answers: others }, told), name).toBeUndefined();
    }
  });

  test.each<[object, object?]>([
    [{ ways: 0 }],
    [{ ways: 1e9 }],
    [{ stride: 3 }],
    [{ stride: 32 }],
    [{ stride: -4 }],
    [{ most: 1e9 }],
    [{ least: 2 }],
    [{ overlap: "0.5" }],
    [{}, { outputs: ["objectness", "names"] }],
    [{}, { outputs: [...outputs, "logits"] }],
    [{}, { ways: 3 }],
    [{}, { inputs: { kind: "numbers", shape: [16] } }],
  ])("%j with %j are none", (part, beside = {}) => {
    expect(answersFrom({ answers: { ...answers, ...part } }, { ...told, ...beside })).toBeUndefined();
  });
});

const picture = { width: 32, height: 16, pixels: new Uint8Array(3 * 16 ** 2) };
const classes = ["nut", "bolt"];
const saidOf = (objects: unknown) =>
  objectKind.said(objectKind.given({ objects }, "example 1", setting), picture, setting);

test("marks of a picture become maps of the square that a detector sees", () => {
  // Twice as wide as high: half as large in the square, with four rows of padding above.
  const [said] = saidOf([
    { label: "bolt", box: [8, 4, 8, 8] },
    { label: "nut", box: [24, 0, 12, 6] },
  ]);
  const [maps] = objectKind.rowOf(said!, classes, setting);
  const seen = [
    { label: 1, box: { x: 4, y: 6, width: 4, height: 4 } },
    // What lies beyond the picture's edge is cut off.
    { label: 0, box: { x: 12, y: 4, width: 4, height: 3 } },
  ];
  expect(maps).toEqual(detectionMaps(seen, { grid: [4, 4], stride: 4, classes: 3 }));
});

describe("objects in the bytes of a task", () => {
  const said = [...saidOf([{ label: "bolt", box: [8, 4, 8, 8] }]), ...saidOf([])];
  const kept = objectKind.kept(said, classes, setting);
  const objects = kept.objects!;
  const withNumber = (place: number, value: number): PortableArray => {
    const data = (objects.data as Float64Array).slice();
    data[place] = value;
    return { ...objects, data };
  };

  test("come back", () => {
    expect(objectKind.restored(kept, 2, classes, setting)).toEqual(said);
  });

  test.each<[string, Readonly<Record<string, PortableArray>>]>([
    ["nothing", {}],
    ["more than objects", { objects, labels: objects }],
    ["another type", { objects: { ...objects, dtype: "float32" } }],
    ["another shape", { objects: { ...objects, shape: [2, 5] } }],
    ["a class that there is not", { objects: withNumber(4, 2) }],
    ["half a class", { objects: withNumber(4, 0.5) }],
    ["a class below none", { objects: withNumber(4, -2) }],
    ["a box without area", { objects: withNumber(2, 0) }],
    ["a box whose middle is outside", { objects: withNumber(0, 15) }],
    ["a box that is no number", { objects: withNumber(1, Number.NaN) }],
    ["an endless box", { objects: withNumber(2, Number.POSITIVE_INFINITY) }],
  ])("%s is none of them", (_name, found) => {
    expect(objectKind.restored(found, 2, classes, setting)).toBeUndefined();
  });
});
