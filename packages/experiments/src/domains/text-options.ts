/** Options that kinds of task of texts have alike. */
import { optionGroup } from "@innerloop/core/learners";

/** The frozen encoder that examples are read by. */
export const backboneOption = {
  kind: "text",
  placeholder: "NAME|DIR|URL",
  absent: "none",
  help: "a frozen ONNX encoder that makes features of each example: a name of `innerloop data list` (minilm), or a folder with model.onnx and backbone.json",
} as const;

/** The tensor of an encoder of images that is taken. */
export const backboneOutputOption = {
  kind: "text",
  placeholder: "TENSOR",
  absent: "that of backbone.json, or the model's own",
  help: "a tensor within the graph of --backbone that is taken for its features: a row of numbers, or a map",
} as const;

/** Columns of a table of texts. */
export const textColumnOptions = optionGroup({
  textColumn: { kind: "text", placeholder: "NAME", absent: "text", help: "the column of a table that holds the texts" },
  labelColumn: {
    kind: "text",
    placeholder: "NAME",
    absent: "label",
    help: "the column of a table that says which class a row belongs to",
  },
  splitColumn: {
    kind: "text",
    placeholder: "NAME",
    absent: "none",
    help: "the column of a table that says which part a row, or its class, belongs to: train, validation or test",
  },
  domainColumn: {
    kind: "text",
    placeholder: "NAME",
    absent: "none",
    help: "the column of a table that says what a text is from, for --split domains: a product, a site, a language",
  },
});
