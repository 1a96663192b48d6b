/** Backbones as `innerloop data` keeps them. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { backboneFiles, backbonesHere } from "../../backbones/backbone-folder.js";
import {
  type BackboneInfo,
  type BackboneListing,
  getBackbone,
  importBackbone,
  listBackbones,
  verifyBackbone,
} from "../../backbones/backbone-store.js";
import { knownBackbone } from "../../backbones/known/registry.js";
import type { Output } from "../output.js";
import { bytes } from "../terminal.js";
import type { KeptRow, KeptThings } from "./kept-things.js";

/** `backbone of texts, 23 MB, Apache-2.0` */
const contentsOf = (info: {
  readonly kind: string;
  readonly bytes: number;
  readonly licence?: string | undefined;
}): string => `backbone of ${info.kind}s, ${bytes(info.bytes)}, ${info.licence ?? "licence not said"}`;

function rowOf(listing: BackboneListing): KeptRow {
  switch (listing.state) {
    case "ready":
      return [listing.name, "ready", contentsOf(listing.info)];
    case "not here":
      return [listing.name, "not here", `${contentsOf(listing)}. Run \`innerloop data get ${listing.name}\`.`];
    case "damaged":
      return [listing.name, "damaged", listing.problem];
  }
}

function tell(output: Output, state: string, info: BackboneInfo): void {
  output.event({ type: "backbone", ...info, state });
  if (info.source !== undefined) output.say(`  ${info.source}`);
  output.result(`  ${info.name}: ${state}, ${contentsOf(info)}`);
}

export const keptBackbones: KeptThings = {
  async rows(output) {
    const listings = await listBackbones();
    for (const listing of listings) output.event({ type: "backbone", ...listing });
    return listings.map(rowOf);
  },
  isKnown: (name) => knownBackbone(name) !== undefined,
  here: backbonesHere,
  isAt: async ([path, ...others]) =>
    path !== undefined &&
    others.length === 0 &&
    (await stat(join(path, backboneFiles.settings)).catch(() => undefined)) !== undefined,
  get: async (name, output, work) => tell(output, "ready", await getBackbone(name, work)),
  take: async (name, path, output, work) => tell(output, "imported", await importBackbone(name, path, work)),
  verify: async (name, output, work) => tell(output, "complete and runs", await verifyBackbone(name, work)),
};
