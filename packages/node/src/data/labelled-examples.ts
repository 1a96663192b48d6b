export type { ExampleClass, LabelledExamples, Split } from "@innerloop/core";
