/** Rows by the names of columns as exported programs take them. */
import type { TableSpec } from "@innerloop/core/tasks";
import type { ExportForm } from "../../exported/input-forms.js";

/** @internal */
export const exportedRows = (table: TableSpec): ExportForm => ({
  inputs: { kind: "row", table },
  answers: {
    kind: "numbers",
    targets: table.targets.map(({ name, mean, deviation }) => ({ name, mean, deviation })),
  },
  pipelineTag: "tabular-regression",
});
