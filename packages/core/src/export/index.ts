/** Trained learners as standard ONNX models: adapting and predicting wherever ONNX runs. */
export {
  type ExportedPrograms,
  type ExportOptions,
  exportFormat,
  exportProgram,
  exportPrograms,
  type ProgramName,
} from "./export-programs.js";
export { exportedOutputs } from "./exported-outputs.js";
export type { ImageInput } from "./input-form.js";
export { statusBits } from "./status-bits.js";
