/**
 * Entry point "@innerloop/core/exported": what loaders of exported programs share with what writes them. No learner, network
 * or training comes with it.
 */
import "../library-module.js";

export { decodeArrays, encodeArrays, type NamedArrays, safetensorsHeader } from "../artifacts/safetensors.js";
export { isSealed, seal, unsealed } from "../artifacts/seal.js";
export { encodeTableInputs, type TableRow } from "../domains/tables/table-rows.js";
export { type TableSpec, tableFeatures, tableSpecFrom } from "../domains/tables/table-spec.js";
export { type IdCoding, idsOf, textCodingFrom, textPieces } from "../domains/text/text-coding.js";
export { type OpenSetRule, openSetAnswers, openSetScores } from "../evaluation/open-set-rule.js";
export { TaskError } from "../tasks/task.js";
export { TrainingError } from "../training/training-error.js";
export { statusBits } from "./status-bits.js";
