/** Objects in pictures: a few pictures with marked boxes in, boxes with the names of their classes out. */
import {
  type Box,
  clippedBox,
  decodedDetections,
  detectionChannels,
  detectionMaps,
  type MarkedObject,
  type PictureMaps,
} from "@innerloop/core/detection";
import { inOwnPixels, inSquare } from "../domains/detection/own-pixels.js";
import { isRecord, quoted } from "../options/outside-text.js";
import { counted } from "../words.js";
import { ExportError } from "./export-error.js";
import type { AnswerRequest, ExportedKind, KindSetting } from "./exported-kind.js";
import { formOf } from "./input-forms.js";
import { areFinite, finiteRow, isWhole } from "./kind-values.js";
import { pythonAnswers, pythonDefinitions } from "./object-python.js";
import type { ReadPicture } from "./picture-inputs.js";

/** Answers that are objects, and how they are read out of predictions. */
export interface ObjectAnswers {
  readonly kind: "objects";
  /** Classes of a task at most. */
  readonly ways: number;
  /** Pixels of a cell's side. */
  readonly stride: number;
  /** Objects are answers from this probability on. */
  readonly least: number;
  /** Objects of a class before suppression, at most. */
  readonly most: number;
  /** Overlap above which a less sure object of the same class goes. */
  readonly overlap: number;
}

/** From the left upper corner so wide and so high, in the picture's own pixels. */
export type ExportedBox = readonly [x: number, y: number, width: number, height: number];

/** An object that an example marks. */
export interface ExportedObject {
  /** The name of its class. */
  readonly label: string;
  readonly box: ExportedBox;
}

/** An object that was found, the surest of a picture first. */
export interface ObjectAnswer extends ExportedObject {
  /** How probable it is, from 0 to 1. */
  readonly probability: number;
}

/** Objects of a user's, in the picture's own pixels, and how messages call their example. */
interface Given {
  readonly where: string;
  readonly objects: readonly ExportedObject[];
}

/** An object of a picture in the pixels of the square. */
interface SeenObject {
  readonly label: string;
  readonly box: Box;
}

type Said = readonly SeenObject[];
type Setting = KindSetting<ObjectAnswers>;
/** A picture's own sides. */
type Sides = Pick<ReadPicture, "width" | "height">;

/** Objects of a picture at most. */
const mostObjects = 1000;
const [mostWays, longestName] = [1000, 4096];
/** Objects as task bytes have them: x, y, width, height, label. */
const numbersOfObject = 5;
const outputs = ["objectness", "names", "box"] as const;

const sizeOf = ({ inputs }: Pick<Setting, "inputs">): number => formOf(inputs).side!(inputs);

const cellsOf = (setting: Setting): number => sizeOf(setting) / setting.answers.stride;

/** The numbers of a cell, of each output. */
const channelsOf = (ways: number): Readonly<Record<string, readonly number[]>> => ({
  objectness: [],
  names: [ways + 1],
  box: [4],
});

/** @internal */
export const objectKind: ExportedKind<ObjectAnswers, Given, Said, Sides, readonly ObjectAnswer[]> = {
  inputs: ["picture", "encoded-picture"],
  parse: ({ ways, stride, least, most, overlap }, told) => {
    const isFraction = (value: unknown): value is number => typeof value === "number" && value >= 0 && value <= 1;
    const size = sizeOf(told);
    if (told.ways !== undefined || [...told.outputs].sort().join() !== [...outputs].sort().join()) return undefined;
    if (!isWhole(ways, 1, mostWays) || !isWhole(stride, 1, size) || size % stride !== 0) return undefined;
    if (!isWhole(most, 1, mostObjects) || !isFraction(least) || !isFraction(overlap)) return undefined;
    return { kind: "objects", ways, stride, least, most, overlap };
  },
  tasks: "objects in pictures",
  learners: ({ kinds }) => kinds.includes("detection"),
  architecture: "FewShotObjectDetector",
  output: "objectness",
  masked: true,
  targets: (setting) => {
    const cells = cellsOf(setting);
    return [
      {
        name: "support_targets.maps",
        dtype: "float32",
        shape: [cells, cells, detectionChannels(setting.answers.ways).count],
      },
    ];
  },
  predictions: (setting) => {
    const cells = cellsOf(setting);
    const channels = channelsOf(setting.answers.ways);
    return setting.outputs.map((name) => ({
      name,
      dtype: "float32",
      shape: [cells, cells, ...(channels[name] ?? [])],
    }));
  },

  example: "{ input, objects: [{ label, box: [x, y, width, height] }] }",
  inputOf: ({ input }) => input,
  given: ({ objects }, where) => ({ where, objects: markedObjects(objects, where) }),
  said: ({ where, objects }, { width, height }, setting) => {
    const sides = { width, height, size: sizeOf(setting) };
    return [
      objects.map(({ label, box: [x, y, across, down] }, i) => {
        const own = clippedBox({ x, y, width: across, height: down }, { width, height });
        const box = inSquare(own, sides);
        if (own.width > 0 && own.height > 0 && isOnGrid(box, sides.size)) return { label, box };
        throw new ExportError(
          "ILE206",
          where,
          `the box of its object ${i + 1} is [${[x, y, across, down].join(", ")}], in a picture of ${width} x ${height}`,
          "Give [x, y, width, height] in the picture's own pixels, turned as it is seen",
        );
      }),
    ];
  },
  classes: (said, { answers: { ways } }, refuse) => {
    const found = [...new Set(said.flatMap((objects) => objects.map(({ label }) => label)))];
    if (found.length === 0) refuse("examples", "no object is marked in them", "Mark at least one of each class");
    if (found.length > ways)
      refuse(
        "examples",
        `their objects are of ${found.length} classes, and the programs tell ${ways} apart`,
        "Give objects of fewer classes, or export a run of more ways",
      );
    return found;
  },
  rowOf: (objects, classes, setting) => {
    const cells = cellsOf(setting);
    const { stride, ways } = setting.answers;
    const marked = objects.map(({ label, box }): MarkedObject => ({ box, label: classes.indexOf(label) }));
    return [detectionMaps(marked, { grid: [cells, cells], stride, classes: ways })];
  },
  kept: (said, classes) => {
    const most = Math.max(1, ...said.map((objects) => objects.length));
    const data = new Float64Array(said.length * most * numbersOfObject);
    said.forEach((objects, row) => {
      for (let i = 0; i < most; i++) {
        const at = (row * most + i) * numbersOfObject;
        const object = objects[i];
        if (!object) data[at + 4] = -1;
        else {
          const { x, y, width, height } = object.box;
          data.set([x, y, width, height, classes.indexOf(object.label)], at);
        }
      }
    });
    return { objects: { dtype: "float64", shape: [said.length, most, numbersOfObject], data } };
  },
  restored: ({ objects, ...others }, rows, classes, setting) => {
    const most = objects?.shape[1] ?? 0;
    const fits =
      Object.keys(others).length === 0 &&
      objects?.dtype === "float64" &&
      objects.shape.join() === [rows, most, numbersOfObject].join() &&
      isWhole(most, 1, mostObjects) &&
      areFinite(objects);
    if (!fits) return undefined;
    const values = objects.data as Float64Array;
    const found: Said[] = [];
    for (let row = 0; row < rows; row++) {
      const ofRow: SeenObject[] = [];
      for (let i = 0; i < most; i++) {
        const at = (row * most + i) * numbersOfObject;
        const [x, y, width, height, label] = values.subarray(at, at + numbersOfObject) as unknown as [
          number,
          number,
          number,
          number,
          number,
        ];
        if (label === -1) continue;
        const box = { x, y, width, height };
        const name = classes[label];
        if (name === undefined || !isOnGrid(box, sizeOf(setting))) return undefined;
        ofRow.push({ label: name, box });
      }
      found.push(ofRow);
    }
    return found;
  },
  areClasses: (classes, { answers: { ways } }) => classes.length >= 1 && classes.length <= ways,
  sameAs: () => null,

  answers: (request) => request.read.map((picture, i) => objectsIn(request, picture, request.starts[i]!)),
  words: (setting) => {
    const { ways, stride, least, overlap } = setting.answers;
    const cells = cellsOf(setting);
    return {
      title: "objects in pictures from a few marked ones",
      does: `finds objects of up to ${counted(ways, "new class", "new classes")} in pictures`,
      most: `up to ${counted(ways, "class", "classes")}`,
      given: "marked objects",
      takes: [
        `\`support_targets.maps\` says where objects are on ${cells} x ${cells} cells of ${stride} pixels, as \`maps\` below makes it of boxes in the pixels of the square. Classes are 0 to ${ways - 1}.`,
        `A cell whose \`objectness\` is the largest of its 3 x 3 stands for an object: of each class with the probability sigmoid(objectness) softmax(names), the last of the names being none of them; \`box\` is left, top, right and bottom from the cell's middle, in cells. Objects are answers above ${least}; of two of one class that overlap by more than ${overlap} the less sure one goes. \`innerloop\` does all this, and gives boxes in the picture's own pixels.`,
      ],
      limits: [
        "What is not marked in the examples is taken for none of the classes: mark all objects of a class.",
        "It knows pictures like those of its training, and objects of sizes as there.",
      ],
      pythonRows: (support) => Math.min(support, 2),
      pythonDefinitions: pythonDefinitions(setting.answers, cells),
      pythonTargets: (rows) => ({
        "support_targets.maps": `[${Array.from({ length: rows }, (_, i) => `maps([(${4 + 4 * i}, 8, 16, 12, ${i % ways})])`).join(", ")}]`,
      }),
      pythonAnswers: pythonAnswers,
      javascript: (input) => ({
        examples: [
          `{ input: ${input}, objects: [{ label: "nut", box: [12, 40, 30, 28] }] }`,
          `{ input: ${input}, objects: [{ label: "bolt", box: [50, 8, 21, 36] }] }`,
        ],
        ask: [
          `for (const { label, box, probability } of await task.predict(${input})) console.log(label, box, probability);`,
        ],
      }),
    };
  },
};

/** The question whether a box has an area, and its middle in the square. */
function isOnGrid({ x, y, width, height }: Box, size: number): boolean {
  const isInside = (middle: number): boolean => middle >= 0 && middle < size;
  return width > 0 && height > 0 && isInside(x + width / 2) && isInside(y + height / 2);
}

function markedObjects(objects: unknown, where: string): readonly ExportedObject[] {
  const refuse = (problem: string, remedy: string): never => {
    throw new ExportError("ILE206", where, problem, remedy);
  };
  const remedy =
    'Give objects: [{ label: "nut", box: [x, y, width, height] }, ...]; of a picture without any an empty list';
  if (!Array.isArray(objects)) return refuse(`its objects are ${quoted(objects)}`, remedy);
  if (objects.length > mostObjects) refuse(`it has ${objects.length} objects`, `Give ${mostObjects} at most`);
  return (objects as readonly unknown[]).map((object, i) => {
    const { label, box } = isRecord(object) ? object : {};
    if (typeof label !== "string" || label === "" || label.length > longestName)
      refuse(`the label of its object ${i + 1} is ${quoted(label)}`, remedy);
    const isBox =
      Array.isArray(box) && box.length === 4 && box.every((each) => typeof each === "number" && Number.isFinite(each));
    if (!isBox || !((box[2] as number) > 0 && (box[3] as number) > 0))
      return refuse(`the box of its object ${i + 1} is ${quoted(box)}`, remedy);
    return { label: label as string, box: [box[0], box[1], box[2], box[3]] as ExportedBox };
  });
}

/** The objects of one picture, read out of its row of predictions. */
function objectsIn(
  { outputs: found, setting, classes, where }: AnswerRequest<ObjectAnswers, Sides>,
  { width, height }: Sides,
  row: number,
): readonly ObjectAnswer[] {
  const cells = cellsOf(setting);
  const { ways, stride, least: threshold, most, overlap } = setting.answers;
  const values = (name: (typeof outputs)[number]): readonly number[] => finiteRow(found, name, row, { where });
  const names = values("names");
  const count = classes.length;
  const maps: PictureMaps = {
    ...{ rows: cells, columns: cells, classes: count, objectness: values("objectness"), box: values("box") },
    // Of classes that the task has not there is nothing to say.
    names: count === ways ? names : names.filter((_, i) => i % (ways + 1) < count || i % (ways + 1) === ways),
  };
  const detections = decodedDetections(maps, { stride, threshold, most, overlap });
  return inOwnPixels(detections, { width, height, size: sizeOf(setting) }).map(({ box, label, score }) => ({
    label: classes[label]!,
    box: [box.x, box.y, box.width, box.height],
    probability: score,
  }));
}
