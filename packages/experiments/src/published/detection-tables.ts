/** The tables of few-shot detection: made scenes of characters, and photos through a frozen encoder. */
import type { Column, Row, Table } from "./table.js";

const sceneColumns: readonly Column[] = [
  { name: "1-shot", title: "3-way 1-shot", options: { shots: 1 }, steps: 0 },
  { name: "5-shot", title: "3-way 5-shot", options: { shots: 5 }, steps: 0 },
  { name: "5-shot-10", title: "3-way 5-shot, 10 steps", options: { shots: 5 }, steps: 10 },
  { name: "5-way", title: "5-way 1-shot", options: { ways: 5 }, steps: 0 },
];

const scenes: Table = {
  name: "scenes",
  title: "New characters in scenes",
  about:
    "AP50 of each task over its four query scenes, mean over its classes, then over tasks: made scenes of 112 x 112 with two distractors each, of hanzi that training has not seen; the generator is addressed, docs/detection.md says what scenes look like. One training at one support scene serves all columns; steps are two-stage fine-tuning from the prototypes on.",
  metric: "AP50",
  columns: sceneColumns,
  rows: [
    {
      name: "prototypes-0",
      learner: "prototypes, then steps on names",
      train: { preset: "scenes", options: { learner: "two-stage", iterations: 2500 } },
      cells: Object.fromEntries(sceneColumns.map(({ name }) => [name, {}])),
      baselines: true,
    } satisfies Row,
  ],
};

/** Draws of support pictures. */
const draws = 20;

const photoColumns: readonly Column[] = [1, 5, 10].map((shots) => ({
  name: `${shots}`,
  title: `K = ${shots}`,
  options: { shots, evalTasks: draws },
}));

/** Boxes as large as those of their class in the mean: what is there without regression. */
const ofSides = "cell prototypes, untrained, sides of the class";

const photosOf = (setting: {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly files: string;
  readonly options: Row["train"]["options"];
}): Table => ({
  name: setting.name,
  title: setting.title,
  about: `AP50 over all test pictures together, mean over classes, then over ${draws} draws of the support pictures, of which there are K, and as many more as it takes until every class is there; intervals are over draws. ${setting.about} Pictures are seen by a frozen EfficientNet-Lite0 of ImageNet; what is trained is a temperature and how much boxes are smoothed, the rows below train nothing.`,
  metric: "AP50",
  data: [{ name: setting.name, remedy: `Say where they are with --data: ${setting.files}`, files: setting.files }],
  backbones: ["efficientnet-cells", "efficientnet-cells-640"].map((name) => ({
    name,
    remedy: `Run \`innerloop data get ${name}\``,
  })),
  columns: photoColumns,
  rows: [
    {
      name: "cells-0",
      learner: "cell prototypes",
      train: { preset: "photos", options: { data: setting.name, ...setting.options } },
      cells: Object.fromEntries(photoColumns.map(({ name }) => [name, {}])),
      baselines: true,
      against: [ofSides],
    },
  ],
});

const bloodCells = photosOf({
  name: "blood-cells",
  title: "Blood cells in photos (BCCD)",
  about:
    "Red cells, white cells and platelets in 72 pictures of 640 x 480, brought to 512; many red cells are not marked.",
  files: "the folder BCCD of github.com/Shenggan/BCCD_Dataset, in the layout of Pascal VOC",
  options: { iterations: 20 },
});

const dice = photosOf({
  name: "dice",
  title: "Dice on a tray",
  about: "Six classes, the pips on top, in 50 pictures of 640 x 640: small objects that are alike.",
  files: "a folder with train.json, test.json and images, of github.com/nell-byler/dice_detection",
  options: { iterations: 20, backbone: "efficientnet-cells-640" },
});

/** The tables of detection, in the order in which they are listed. */
export const detectionTables: readonly Table[] = [scenes, bloodCells, dice];
