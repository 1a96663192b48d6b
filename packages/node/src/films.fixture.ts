/** Made-up ratings of films, as files and as models that are trained on them. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { key, random } from "@innerloop/core";
import { buildRunLearner, type Flags, ownDomains, resolvePreset, TrainedModel } from "@innerloop/experiments";
import type { Executor } from "@innerloop/graph";
import { machineIo } from "./data/machine-io.js";

/** Films, war and comedy in turn; two have one title. */
export const filmCount = 16;

const titleOf = (place: number): string => (place < 2 ? "The Twins" : `Film ${"ABCDEFGHIJKLMNOP"[place]}`);
/** `f03` */
export const filmId = (place: number): string => `f${String(place).padStart(2, "0")}`;

/** What films are to have beside their ratings. */
export interface FilmOptions {
  /** Further films that nobody rates but the last, which all like. */
  readonly extra?: number;
  readonly unit?: number;
  /** Places of films that half of the users like most, and the others least. */
  readonly torn?: readonly number[];
}

/** Tables in a folder of their own. */
export async function filmTables({ extra = 0, unit = 1, torn = [] }: FilmOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), "innerloop-films-"));
  const [ratings, items] = [join(folder, "ratings.csv"), join(folder, "films.csv")];
  const source = random(7, 0);
  const lines = ["user,film,rating"];
  for (let user = 0; user < 80; user++)
    for (let place = 0; place < filmCount; place++) {
      const taste = (user % 2 === 0 ? 1 : -1) * (place % 2 === 0 ? 1 : -1);
      const drawn = Math.max(1, Math.min(5, Math.round(3 + taste + 0.5 * source.normal())));
      const rating = torn.includes(place) ? (user % 4 < 2 ? 1 : 5) : drawn;
      // The last film is one that few have seen.
      if (place < filmCount - 1 || user < 2) lines.push(`secret-${user},${filmId(place)},${unit * rating}`);
    }
  const films = Array.from(
    { length: filmCount },
    (_, place) => `${filmId(place)},${titleOf(place)},${place % 2 === 0 ? "war" : "comedy"}`,
  );
  for (let place = 0; place < extra; place++) films.push(`x${place},Extra ${place},war`);
  if (extra > 0) for (let user = 0; user < 80; user++) lines.push(`secret-${user},x${extra - 1},5`);
  await writeFile(ratings, `${lines.join("\n")}\n`);
  await writeFile(items, `film,title,genre\n${films.join("\n")}\n`);
  return { folder, ratings, items, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A model with its first parameters, of these tables. */
export async function filmModel(
  { ratings, items }: { readonly ratings: string; readonly items: string },
  { executor, flags = {} }: { readonly executor: Executor; readonly flags?: Flags },
): Promise<TrainedModel> {
  const config = resolvePreset("ratings", { ratings, items, coldItems: 0, embeddingWidth: 4, ...flags });
  const domain = ownDomains.recommendation;
  const { spec } = await domain.load(config.domain as never, machineIo, {}, {} as never);
  const params = buildRunLearner(config, spec, config).init(key(3));
  const made = { config, spec };
  const more = { iteration: 0, evaluatedSteps: 2, protocol: {} as never, name: "films", executor, io: machineIo };
  return new TrainedModel({ made, params, ...more });
}
