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

/** The tables of detection, in the order in which they are listed. */
export const detectionTables: readonly Table[] = [scenes];
