/** Entry point "@innerloop/experiments/published": tables of published results as recipes, and what runs come to beside them. */
import "../library-module.js";

export * from "./budget.js";
export * from "./collected-results.js";
export { curvesPicture } from "./curves-picture.js";
export * from "./extrapolation.js";
export * from "./row-evaluations.js";
export * from "./table.js";
export { tableGroups } from "./table-groups.js";
export * from "./table-lines.js";
export { tables } from "./tables.js";
