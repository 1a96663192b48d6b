/** The data sets and backbones that rows of tables are made with, and whether this machine has them. */
import { needsOf, type Row, type RowNeed, type Table } from "@innerloop/experiments/published";
import { backbonesHere } from "../backbones/backbone-folder.js";
import { listDatasets } from "../data/store/dataset-store.js";

/** Data sets and backbones of this machine, by name. */
export interface Resources {
  readonly sets: ReadonlySet<string>;
  readonly backbones: ReadonlySet<string>;
}

/** The data sets that are here, or are made when they are first asked for, and the backbones that are here. */
export async function resourcesHere(): Promise<Resources> {
  const [listings, backbones] = await Promise.all([listDatasets(), backbonesHere()]);
  const sets = listings.filter(({ state }) => state === "ready" || state === "prepared on first use");
  return { sets: new Set(sets.map(({ name }) => name)), backbones: new Set(backbones) };
}

/** The needs of a row that this machine lacks, of those that its table says how to get. */
export const missingFor = (table: Table, row: Row, { sets, backbones }: Resources): RowNeed[] =>
  needsOf(table, row).filter(({ kind, name }) => !(kind === "backbone" ? backbones : sets).has(name));
