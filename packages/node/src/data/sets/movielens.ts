/** MovieLens, which may not be passed on: it is read where a user has it. */
import { basename, resolve } from "node:path";
import { readRatings } from "../ratings/rating-tables.js";
import type { KnownFiles, KnownSet } from "./known-set.js";

/** A folder, archive or file of MovieLens. */
export interface MovielensFiles {
  readonly kind: "movielens";
  readonly path: string;
}

/** MovieLens (Harper and Konstan 2015) as one record, in the layouts of ml-100k, ml-1m, ml-10m and those since. */
export const movielens: KnownSet<MovielensFiles> & { readonly files: KnownFiles<MovielensFiles> } = {
  kind: "ratings",
  remedy:
    "It may not be passed on: take ml-100k, ml-1m or ml-latest-small from grouplens.org, and run `innerloop data import movielens PATH` with the archive or its folder.",
  files: {
    onePath: "archive or folder of MovieLens",
    resizes: false,
    source: ([path = ""]) => ({ kind: "movielens", path }),
    read: async ({ kind, path }, work) => {
      const { interactions, notes } = await readRatings({ ratings: path, name: kind }, work);
      const origin = { licence: "for research, not to be passed on", source: "Harper and Konstan 2015, grouplens.org" };
      return { ratings: interactions, stored: { kind, from: basename(resolve(path)), ...origin, notes } };
    },
  },
};
