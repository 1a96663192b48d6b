export type { LabelledExamples } from "innerloop";
