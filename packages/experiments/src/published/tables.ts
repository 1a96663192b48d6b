/**
 * The tables that come along. A further row is one line of data: the training's options over a preset, and what the
 * paper reports in each column.
 */
import type { LearnerName } from "@innerloop/core";
import type { Flags } from "../config/index.js";
import { detectionTables } from "./detection-tables.js";
import { languageTables } from "./language-tables.js";
import { melu } from "./melu-table.js";
import { recommendationTables } from "./recommendation-tables.js";
import { reinforcementTables } from "./reinforcement-tables.js";
import type { Cell, Column, Row, Table } from "./table.js";

type TrainOptions = Row["train"]["options"];

/** Sine curves: one training and one evaluation, shown after 0, 1 and 10 steps. */
function sinusoidRow(name: string, learner: string, options: TrainOptions, more: Partial<Row> = {}): Row {
  const cells = { before: {}, "1-step": {}, "10-steps": {} };
  return { name, learner, train: { preset: "sinusoid", options }, cells, ...more };
}

/** Learners that read the support set at once have one figure, which stands in the last column. */
const reading = [
  ["ridge", "ridge regression head", 70_000],
  ["cnp", "conditional neural process", 20_000],
  ["anp", "attentive neural process", 10_000],
  ["transformer", "transformer", 10_000],
  ["film", "FiLM", 20_000],
  ["snail", "SNAIL", 5_000],
  ["mann", "memory network (MANN)", 5_000],
] as const satisfies readonly (readonly [LearnerName, string, number])[];

const readOff = "read off figure 2 of Finn et al. 2017, within 0.2";

const sinusoid: Table = {
  name: "sinusoid",
  title: "Sinusoids, K = 10",
  about:
    "Mean squared error on 10 query points of a sine curve, of which 10 points are given. The network is an MLP 1-40-40-1; the inner rate is 0.01, others where a learner wants them. Updates are of 25 tasks, as published; their number is for learners other than those of the MAML paper our own choice. " +
    "The published figures are read off a plot, which ends after nine steps. Learners that take no steps stand in the last column; MAML++ has learned the rates of five steps, and goes on with the last of them.",
  metric: "mean squared error",
  columns: [
    { name: "before", title: "before", steps: 0 },
    { name: "1-step", title: "1 step", steps: 1 },
    { name: "10-steps", title: "10 steps", steps: 10 },
  ],
  rows: [
    sinusoidRow(
      "maml",
      "MAML",
      { learner: "maml", iterations: 70_000 },
      {
        cells: {
          before: { published: "3.0" },
          "1-step": { published: "0.4 to 0.5" },
          "10-steps": { published: "0.1 to 0.2 (nine steps)" },
        },
        source: readOff,
      },
    ),
    sinusoidRow("fomaml", "FOMAML", { learner: "fomaml", iterations: 70_000 }),
    sinusoidRow("reptile", "Reptile", { learner: "reptile", iterations: 70_000 }),
    sinusoidRow("anil", "ANIL", { learner: "anil", iterations: 70_000 }),
    sinusoidRow("boil", "BOIL", { learner: "boil", iterations: 70_000 }),
    sinusoidRow("meta-sgd", "Meta-SGD", { learner: "meta-sgd", iterations: 70_000 }),
    sinusoidRow("maml-plus-plus", "MAML++", { learner: "maml++", iterations: 70_000 }),
    sinusoidRow("learned-sgd", "learned SGD", { learner: "learned-sgd", iterations: 70_000 }),
    sinusoidRow("meta-curvature", "Meta-Curvature", { learner: "meta-curvature", iterations: 70_000 }),
    sinusoidRow("cavia", "CAVIA", { learner: "cavia", iterations: 70_000 }),
    sinusoidRow("imaml", "iMAML", { learner: "imaml", iterations: 3_000 }),
    sinusoidRow("lstm-optimizer", "learned LSTM optimizer", { learner: "lstm-optimizer", iterations: 2_000 }),
    sinusoidRow("gates", "gates", { learner: "gates", iterations: 20_000 }),
    sinusoidRow("widths", "widths", { learner: "widths", iterations: 20_000 }),
    ...reading.map(([learner, title, iterations]) =>
      sinusoidRow(learner, title, { learner, iterations }, { cells: { "10-steps": {} } }),
    ),
    sinusoidRow(
      "joint",
      "joint pre-training + fine-tuning",
      { learner: "joint", iterations: 70_000 },
      {
        cells: { before: {}, "1-step": { published: "2.1" }, "10-steps": { published: "1.8 (nine steps)" } },
        source: readOff,
        baselines: true,
      },
    ),
  ],
};

const omniglotSettings = [
  { name: "5way-1shot", ways: 5, shots: 1, preset: "omniglot-5way-1shot" },
  { name: "5way-5shot", ways: 5, shots: 5, preset: "omniglot-5way-5shot" },
  { name: "20way-1shot", ways: 20, shots: 1, preset: "omniglot-20way-1shot" },
  { name: "20way-5shot", ways: 20, shots: 5, preset: "omniglot-20way-5shot" },
] as const satisfies readonly { name: string; ways: number; shots: number; preset: string }[];

type OmniglotSetting = (typeof omniglotSettings)[number]["name"];

/** A training of its own for each setting; `undefined` stands for one that the paper does not report. */
function onOmniglot(
  name: string,
  learner: string,
  options: TrainOptions,
  published: Partial<Record<OmniglotSetting, string | undefined>>,
  more: Partial<Row> = {},
): Row[] {
  return omniglotSettings
    .filter((setting) => Object.hasOwn(published, setting.name))
    .map((setting) => ({
      name: `${name}-${setting.name}`,
      learner,
      train: { preset: setting.preset, options },
      cells: { [setting.name]: figure(published[setting.name]) },
      ...more,
    }));
}

const figure = (published: string | undefined): Cell => (published === undefined ? {} : { published });

const unreported = {
  "5way-1shot": undefined,
  "5way-5shot": undefined,
  "20way-1shot": undefined,
  "20way-5shot": undefined,
};

/** Learners whose papers have no such figures, in one of the settings. */
const unpublishedOnOmniglot = [
  ["boil", "BOIL"],
  ["learned-sgd", "learned SGD"],
  ["meta-curvature", "Meta-Curvature"],
  ["lstm-optimizer", "learned LSTM optimizer"],
  ["cavia", "CAVIA"],
  ["logistic", "logistic regression head (LR-D2)"],
  ["svm", "least-squares SVM head"],
  ["matching-fce", "matching network, full context"],
  ["triplet", "triplet network"],
  ["semi-supervised", "prototypes refined by unlabelled examples"],
  ["simple-shot", "SimpleShot"],
  ["cnp", "conditional neural process"],
  ["anp", "attentive neural process"],
  ["transformer", "transformer"],
  ["film", "FiLM"],
  ["gates", "gates"],
  ["widths", "widths"],
] as const satisfies readonly (readonly [LearnerName, string])[];

const omniglot: Table = {
  name: "omniglot",
  title: "Omniglot",
  about:
    "Accuracy on characters that were held out. Of the 1,623 characters 1,100 and their rotations are for training, 100 for validation and 423, " +
    "unrotated, for evaluation; as many queries per class as shots. The rate of the updates falls along a half cosine, where the papers keep it " +
    "constant (Reptile: falls along a line, as published).",
  metric: "accuracy",
  data: [
    {
      name: "omniglot",
      remedy:
        "`innerloop data get omniglot` downloads it; `innerloop data import omniglot images_background.zip images_evaluation.zip` reads the archives of its authors",
    },
  ],
  columns: omniglotSettings.map(
    ({ name, ways, shots }): Column => ({
      name,
      title: `${ways}-way ${shots}-shot`,
      options: { ways, shots, queries: shots },
    }),
  ),
  rows: [
    ...onOmniglot(
      "maml",
      "MAML",
      { learner: "maml", iterations: 60_000 },
      {
        "5way-1shot": "98.7 ± 0.4",
        "5way-5shot": "99.9 ± 0.1",
        "20way-1shot": "95.8 ± 0.3",
        "20way-5shot": "98.9 ± 0.2",
      },
      { source: "Finn et al. 2017" },
    ),
    ...onOmniglot(
      "maml-mlp",
      "MAML, MLP 256-128-64-64",
      { learner: "maml", model: "mlp", iterations: 60_000 },
      { "5way-1shot": "89.7 ± 1.1", "5way-5shot": "97.5 ± 0.6" },
      { source: "Finn et al. 2017" },
    ),
    ...onOmniglot(
      "fomaml",
      "FOMAML",
      { learner: "fomaml", iterations: 60_000 },
      {
        "5way-1shot": "98.3 ± 0.5",
        "5way-5shot": "99.2 ± 0.2",
        "20way-1shot": "89.4 ± 0.5",
        "20way-5shot": "97.9 ± 0.1",
      },
      { source: "Nichol et al. 2018" },
    ),
    ...onOmniglot(
      "reptile",
      "Reptile",
      { learner: "reptile", iterations: 100_000 },
      { "5way-1shot": "97.68", "5way-5shot": "99.48", "20way-1shot": "89.43", "20way-5shot": "97.12" },
      { source: "Nichol et al. 2018, transductive" },
    ),
    ...onOmniglot(
      "anil",
      "ANIL",
      { learner: "anil", iterations: 60_000 },
      { "20way-1shot": "96.2 ± 0.5", "20way-5shot": "98.0 ± 0.3" },
      { source: "Raghu et al. 2020" },
    ),
    ...onOmniglot(
      "meta-sgd",
      "Meta-SGD",
      { learner: "meta-sgd", iterations: 60_000 },
      { "5way-1shot": "99.53", "5way-5shot": "99.93", "20way-1shot": "95.93", "20way-5shot": "98.97" },
      { source: "Li et al. 2017" },
    ),
    ...onOmniglot(
      "maml-plus-plus",
      "MAML++",
      { learner: "maml++", innerRate: 0.1, steps: 5, evalSteps: [0, 5], iterations: 60_000 },
      { "5way-1shot": "99.47", "5way-5shot": "99.85", "20way-1shot": "97.65", "20way-5shot": "99.33" },
      { source: "Antoniou et al. 2019" },
    ),
    ...onOmniglot(
      "imaml",
      "iMAML",
      { learner: "imaml", steps: 16, evalSteps: [0, 16], iterations: 60_000 },
      { "5way-1shot": "99.50", "5way-5shot": "99.74", "20way-1shot": "96.18", "20way-5shot": "99.14" },
      { source: "Rajeswaran et al. 2019, Hessian-free" },
    ),
    ...episodicOnOmniglot("prototypical", "prototypical network", {
      published: ["98.8", "99.7", "96.0", "98.9"],
      source: "Snell et al. 2017 (number of updates not reported)",
    }),
    ...episodicOnOmniglot("ridge", "ridge regression head (R2-D2)", {}),
    ...episodicOnOmniglot("matching", "matching network", {
      published: ["98.1", "98.9", "93.8", "98.5"],
      source: "Vinyals et al. 2016 (number of updates not reported)",
    }),
    ...episodicOnOmniglot("relation", "relation network", {
      published: ["99.6", "99.8"],
      source: "Sung et al. 2018 (number of updates not reported)",
    }),
    ...episodicOnOmniglot("siamese", "Siamese network", {
      published: ["97.3", "98.4", "88.2", "97.0"],
      source: "Koch et al. 2015, as Finn et al. 2017 report it",
    }),
    ...onOmniglot(
      "mann",
      "memory network (MANN)",
      { learner: "mann", iterations: 20_000 },
      { "5way-1shot": "82.8", "5way-5shot": "94.9" },
      { source: "Santoro et al. 2016, as Finn et al. 2017 report it, without convolutions" },
    ),
    ...onOmniglot(
      "snail",
      "SNAIL",
      { learner: "snail", iterations: 20_000 },
      {
        "5way-1shot": "99.07 ± 0.16",
        "5way-5shot": "99.78 ± 0.09",
        "20way-1shot": "97.64 ± 0.30",
        "20way-5shot": "99.36 ± 0.18",
      },
      { source: "Mishra et al. 2018" },
    ),
    ...unpublishedOnOmniglot.flatMap(([learner, title]) =>
      onOmniglot(learner, title, { learner, iterations: 20_000 }, { "5way-1shot": undefined }),
    ),
    ...onOmniglot("joint", "joint pre-training + fine-tuning", { learner: "joint", iterations: 60_000 }, unreported, {
      baselines: true,
    }),
  ],
};

/** Learners whose parameters do not depend on the ways: one training for each number of shots is evaluated with 5 and 20. */
function episodicOnOmniglot(
  learner: LearnerName,
  title: string,
  { published = [], source }: { readonly published?: readonly string[]; readonly source?: string },
): Row[] {
  return ([1, 5] as const).map((shots) => ({
    name: `${learner}-${shots}shot`,
    learner: title,
    train: {
      preset: shots === 1 ? "omniglot-5way-1shot" : "omniglot-5way-5shot",
      options: { learner, iterations: 20_000 },
    },
    cells: Object.fromEntries(
      omniglotSettings.flatMap((setting, i) => (setting.shots === shots ? [[setting.name, figure(published[i])]] : [])),
    ),
    ...(source === undefined ? {} : { source }),
  }));
}

type Shots = "5way-1shot" | "5way-5shot";

/** 5-way trainings on a data set of photos, one for each number of shots. */
function onPhotos(
  preset: string,
  name: string,
  learner: string,
  options: TrainOptions,
  published: Readonly<Partial<Record<Shots, string | undefined>>>,
  more: Partial<Row> = {},
): Row[] {
  return ([1, 5] as const).map((shots) => ({
    name: `${name}-5way-${shots}shot`,
    learner,
    train: { preset, options: { ways: 5, shots, ...options } },
    cells: { [`5way-${shots}shot`]: figure(published[`5way-${shots}shot`]) },
    ...more,
  }));
}

/** Finn et al. 2017 on mini-ImageNet: 32 filters, 5 steps of 0.01, 4 tasks an update. */
const photos = {
  channels: "3",
  filters: 32,
  downsampling: "pool",
  innerRate: 0.01,
  steps: 5,
  evalSteps: [0, 5, 10],
  metaBatch: 4,
  clip: 10,
} as const satisfies Flags;

/** Learners that take no steps: episodes of 20 ways, 64 filters, averages over training. */
const metricOnPhotos = {
  trainWays: 20,
  filters: 64,
  batchNorm: "running",
  metaBatch: 1,
  clip: undefined,
  iterations: 40_000,
} as const satisfies TrainOptions;

const miniImageNetOptions = { data: "mini-imagenet", imageSize: 84, queries: 15, ...photos } as const;

const miniImageNet: Table = {
  name: "mini-imagenet",
  title: "mini-ImageNet, 5-way",
  about:
    "Accuracy on the 20 test classes, 15 queries per class; 64 classes are for training and 16 for validation, as the data set lists them. Photos of 84 x 84, " +
    "four convolutions of 32 with pooling. The meta-gradient is clipped by its norm, where Finn et al. clip each element; the rate falls along a half cosine.",
  metric: "accuracy",
  data: [
    {
      name: "mini-imagenet",
      remedy:
        "Its photos are ImageNet's, which may not be passed on: get them from their owners, lay them out as DIR/train, DIR/val and DIR/test with one folder of " +
        "images per class in each, and run `innerloop data import mini-imagenet DIR --image-size 84 --channels 3`",
    },
  ],
  columns: photoColumns(15),
  rows: [
    ...onPhotos(
      "images",
      "maml",
      "MAML",
      { ...miniImageNetOptions, learner: "maml", iterations: 60_000 },
      { "5way-1shot": "48.70 ± 1.84", "5way-5shot": "63.11 ± 0.92" },
      { source: "Finn et al. 2017" },
    ),
    ...onPhotos(
      "images",
      "fomaml",
      "FOMAML",
      { ...miniImageNetOptions, learner: "fomaml", iterations: 60_000 },
      { "5way-1shot": "48.07", "5way-5shot": "63.15" },
      { source: "Finn et al. 2017" },
    ),
    ...onPhotos(
      "images",
      "reptile",
      "Reptile",
      {
        ...miniImageNetOptions,
        learner: "reptile",
        innerRate: 1e-3,
        steps: 8,
        trainShots: 15,
        evalSteps: [0, 8, 50],
        metaBatch: 5,
        clip: undefined,
        iterations: 100_000,
      },
      { "5way-1shot": "49.97", "5way-5shot": "65.99" },
      { source: "Nichol et al. 2018, transductive" },
    ),
    ...onPhotos(
      "images",
      "anil",
      "ANIL",
      { ...miniImageNetOptions, learner: "anil", iterations: 60_000 },
      { "5way-1shot": "46.7", "5way-5shot": "61.5" },
      { source: "Raghu et al. 2020" },
    ),
    ...onPhotos(
      "images",
      "maml-plus-plus",
      "MAML++",
      { ...miniImageNetOptions, learner: "maml++", filters: 48, evalSteps: [0, 5], iterations: 60_000 },
      { "5way-1shot": "52.15", "5way-5shot": "68.32" },
      { source: "Antoniou et al. 2019" },
    ),
    ...onPhotos(
      "images",
      "prototypical",
      "prototypical network",
      { ...miniImageNetOptions, ...metricOnPhotos, learner: "prototypical" },
      { "5way-1shot": "49.42", "5way-5shot": "68.20" },
      { source: "Snell et al. 2017 (episodes of 30 and 20 ways)" },
    ),
    ...onPhotos(
      "images",
      "ridge",
      "ridge regression head (R2-D2)",
      { ...miniImageNetOptions, ...metricOnPhotos, learner: "ridge" },
      { "5way-1shot": "51.2", "5way-5shot": "68.8" },
      { source: "Bertinetto et al. 2019 (a wider network)" },
    ),
    ...onPhotos(
      "images",
      "joint",
      "joint pre-training + fine-tuning",
      { ...miniImageNetOptions, learner: "joint", iterations: 60_000 },
      {},
      { baselines: true },
    ),
  ],
};

function photoColumns(queries: number): Column[] {
  return [1, 5].map((shots) => ({
    name: `5way-${shots}shot`,
    title: `5-way ${shots}-shot`,
    options: { ways: 5, shots, queries },
  }));
}

const onGroceries = [
  ["maml", "MAML"],
  ["fomaml", "FOMAML"],
  ["anil", "ANIL"],
  ["meta-sgd", "Meta-SGD"],
  ["ridge", "ridge regression head (R2-D2)"],
  ["prototypical", "prototypical network"],
  ["matching", "matching network"],
  ["relation", "relation network"],
  ["film", "FiLM"],
  ["joint", "joint pre-training + fine-tuning", { baselines: true }],
] as const satisfies readonly (readonly [LearnerName, string, Pick<Row, "baselines">?])[];

const groceryStore: Table = {
  name: "grocery-store",
  title: "Grocery Store, 5-way",
  about:
    "Accuracy on natural photos of fruit, vegetables and cartons (Klasson et al. 2019) at 42 x 42: of 81 classes, in the order of the data set, 51 are for training, 10 " +
    "for validation and 20 for evaluation; 5 queries per class. Four convolutions of 32 with pooling. There are no published figures for this split.",
  metric: "accuracy",
  data: [
    {
      name: "grocery-store",
      remedy:
        "Download github.com/marcusklasson/GroceryStoreDataset as a ZIP and run `innerloop data import grocery-store ZIP --image-size 42 --channels 3`",
    },
  ],
  columns: photoColumns(5),
  rows: [
    ...onGroceries.flatMap(([learner, title, more = {}]) =>
      onPhotos("grocery-store", learner, title, { learner, iterations: 2_000 }, {}, more),
    ),
    {
      // Its training knows of no shots.
      name: "simple-shot",
      learner: "SimpleShot",
      train: { preset: "grocery-store", options: { learner: "simple-shot", iterations: 2_000 } },
      cells: { "5way-1shot": {}, "5way-5shot": {} },
    },
  ],
};

/** One training and one evaluation of a preset of ours, shown after some of its steps. */
function ownRow(
  preset: string,
  name: string,
  learner: string,
  options: TrainOptions,
  columns: readonly string[],
  more: Partial<Row> = {},
): Row {
  const cells = Object.fromEntries(columns.map((column) => [column, {}]));
  return { name, learner, train: { preset, options }, cells, ...more };
}

const mnistColumns = ["1-step", "5-steps", "10-steps"];

const mnist: Table = {
  name: "mnist",
  title: "MNIST under shuffled labels, 10-way 5-shot",
  about:
    "Accuracy on held-out images of the same ten digits, whose labels are in a new order in every task; 5 queries per class, no batch norm. A linear model has next to " +
    "nothing to share between such tasks. The setting is our own: there are no published figures.",
  metric: "accuracy",
  columns: [
    { name: "1-step", title: "1 step", steps: 1 },
    { name: "5-steps", title: "5 steps", steps: 5 },
    { name: "10-steps", title: "10 steps", steps: 10 },
  ],
  rows: [
    ownRow("mnist", "maml-mlp", "MAML, MLP 784-256-10", { learner: "maml", iterations: 3000 }, mnistColumns),
    ownRow(
      "mnist",
      "maml-linear",
      "MAML, linear",
      { learner: "maml", model: "linear", iterations: 3000 },
      mnistColumns,
    ),
    ownRow(
      "mnist",
      "joint-mlp",
      "joint pre-training + fine-tuning, MLP",
      { learner: "joint", iterations: 3000 },
      mnistColumns,
      { baselines: true },
    ),
  ],
};

const hanziColumns = ["1-step", "10-steps"];

const hanzi: Table = {
  name: "hanzi",
  title: "Hanzi, 5-way 1-shot (needs no download)",
  about:
    "Accuracy on handwritten Chinese characters: 700 are for training, 100 for validation and 200 for evaluation; 3 queries per class. The hands are drawn by a program: " +
    "this is easier than Omniglot, and there are no published figures.",
  metric: "accuracy",
  columns: [
    { name: "1-step", title: "1 step", steps: 1 },
    { name: "10-steps", title: "10 steps", steps: 10 },
  ],
  rows: [
    ownRow("hanzi", "maml", "MAML", { learner: "maml", iterations: 3000 }, hanziColumns),
    ownRow("hanzi", "fomaml", "FOMAML", { learner: "fomaml", iterations: 3000 }, hanziColumns),
    ownRow("hanzi", "anil", "ANIL", { learner: "anil", iterations: 3000 }, hanziColumns),
    ownRow("hanzi", "boil", "BOIL", { learner: "boil", iterations: 3000 }, hanziColumns),
    ownRow("hanzi", "meta-sgd", "Meta-SGD", { learner: "meta-sgd", iterations: 3000 }, hanziColumns),
    ownRow("hanzi", "prototypical", "prototypical network", { learner: "prototypical", iterations: 3000 }, [
      "10-steps",
    ]),
    ownRow("hanzi", "joint", "joint pre-training + fine-tuning", { learner: "joint", iterations: 3000 }, hanziColumns, {
      baselines: true,
    }),
  ],
};

/** In the order in which they are listed and reported. */
export const tables: readonly Table[] = [
  sinusoid,
  omniglot,
  miniImageNet,
  groceryStore,
  mnist,
  hanzi,
  ...languageTables,
  ...recommendationTables,
  melu,
  ...detectionTables,
  ...reinforcementTables,
];
