/** Ratings of the shape that presets train on, made up: small, always the same, and under the presets' own names. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Interactions } from "@innerloop/core/tasks";
import { writeStoredFile } from "./data/store/dataset-file.js";

const [users, items] = [240, 40];

/** Rows of user, item and rating: each user has rated 20 items of 40, and what follows from both places is the rating. */
const rows = Array.from({ length: users }, (_, user) =>
  Array.from({ length: 20 }, (_row, i) => {
    const item = (7 * user + 3 * i) % items;
    return { user, item, rating: 1 + ((user * 5 + item * 3 + (i % 2)) % 9) / 2 };
  }),
).flat();

const words = ["calm", "quick", "odd"];

const madeUpRatings = (name: string): Interactions => ({
  name,
  users: { ids: Array.from({ length: users }, (_, user) => `u${user}`), attributes: [] },
  items: {
    ids: Array.from({ length: items }, (_, item) => `i${item}`),
    titles: Array.from({ length: items }, (_, item) => `Title ${item}`),
    attributes: [
      { kind: "category", name: "mood", words, of: Int32Array.from({ length: items }, (_, item) => item % 3) },
      { kind: "number", name: "year", values: Float64Array.from({ length: items }, (_, item) => 1980 + item) },
    ],
  },
  user: Int32Array.from(rows, ({ user }) => user),
  item: Int32Array.from(rows, ({ item }) => item),
  rating: Float32Array.from(rows, ({ rating }) => rating),
  scale: { least: 1, most: 5 },
});

/** Writes them into the folder of data sets, and `ratings.csv` into `folder`. */
export async function writePresetRatings(folder: string, datasets: string): Promise<void> {
  for (const name of ["movietweetings", "x-wines"])
    await writeStoredFile(join(datasets, `${name}.examples`), { ratings: madeUpRatings(name) }, { kind: "ratings" });
  const lines = rows.map(({ user, item, rating }) => `u${user},i${item},${rating}`);
  await writeFile(join(folder, "ratings.csv"), `${["user,item,rating", ...lines].join("\n")}\n`);
}
