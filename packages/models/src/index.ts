/** The package @innerloop/models: learners that come trained, each a folder as `innerloop export` writes it. */
import type { IncludedModel } from "./included-model.js";
import { symbols } from "./symbols.js";

export type { IncludedModel, ModelFigure, ModelFiles, TrainingData } from "./included-model.js";
export { type DrawnPoint, symbolPicture, symbolSide } from "./symbol-picture.js";

/** The learners that come trained, by their names. */
export const models = { symbols } as const satisfies Readonly<Record<string, IncludedModel>>;
