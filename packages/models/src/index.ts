/** The package @innerloop/models: learners that come trained, each a folder as `innerloop export` writes it. */
import type { IncludedModel } from "./included-model.js";
import { intents } from "./intents.js";
import { scenes } from "./scenes.js";
import { sinusoids } from "./sinusoids.js";
import { symbols } from "./symbols.js";
import { tastes } from "./tastes.js";

export type { IncludedModel, ModelFigure, ModelFiles, TrainingData } from "./included-model.js";
export { type DrawnPoint, symbolPicture, symbolSide } from "./symbol-picture.js";

/** The learners that come trained, by their names: what they take, figures, licenses of data, and where their files are. */
export const models = { symbols, intents, scenes, tastes, sinusoids } as const satisfies Readonly<
  Record<string, IncludedModel>
>;
