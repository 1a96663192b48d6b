/** Ratings: tables of them, of items and users, files of MovieLens, and what the store keeps of them. */
import type { Interactions } from "@innerloop/core/tasks";
import type { RatingReading } from "../../../packages/experiments/dist/rating-io.js";
import { interactionsDigest } from "../../../packages/node/dist/data/ratings/interactions-digest.js";
import { interactionsFault } from "../../../packages/node/dist/data/ratings/interactions-fault.js";
import { readRatings } from "../../../packages/node/dist/data/ratings/rating-tables.js";
import { loadInteractions } from "../../../packages/node/dist/data/store/dataset-store.js";
import { datasetFrame, headerMutation, sealMutation } from "../formats/framed-json.js";
import { zip, zipMutation, zipSignatures } from "../formats/zip.js";
import { joined, jsonLineMutation, textMutations } from "../mutations.js";
import { type Reader, WrongResult } from "../reader.js";
import { requireCode } from "./checked.js";

const text = (...lines: readonly string[]): Uint8Array => new TextEncoder().encode(lines.join("\n"));

/** @throws WrongResult for interactions that are not as they are described */
function checkRatings(interactions: Interactions): void {
  const fault = interactionsFault(interactions);
  if (fault !== undefined) throw new WrongResult(fault);
  const { users, items } = interactions;
  for (const { ids, titles = [] } of [users, items])
    if ([...ids, ...titles].some((each) => /\p{Surrogate}|\0/u.test(each)))
      throw new WrongResult("an id that is no text");
  interactionsDigest(interactions);
}

const read = async (ratings: string, reading: Partial<RatingReading> = {}): Promise<void> => {
  const { interactions, notes } = await readRatings({ ...reading, ratings, name: "mine" }, {});
  checkRatings(interactions);
  if (notes.some((note) => note.length > 1_000_000)) throw new WrongResult("a note without end");
};

const sources = [
  "node/src/data/ratings/table-source.ts",
  "node/src/data/ratings/rating-files.ts",
  "node/src/data/ratings/rating-tables.ts",
  "node/src/data/ratings/rating-rows.ts",
  "node/src/data/formats/csv.ts",
  "node/src/data/formats/text-file.ts",
  "node/src/data/formats/text-lines.ts",
];
const words = [
  "user",
  "item",
  "rating",
  "timestamp",
  "::",
  "\t",
  "|",
  '"',
  "2021-11-02",
  "1e300",
  "NaN",
  "-1",
  "\u0000",
  "__proto__",
];

const tableReader: Reader = {
  name: "table of ratings",
  reads: "a user, an item, a rating and a time in columns",
  sources,
  weight: 2,
  seeds: () => [
    text("user,item,rating,timestamp", "1,007,4.5,1365029107", "1,7,3,1365029108", "2,7,1,5", "2,7,2,6", ""),
    text("\ufeffUserID;MovieID;Rating;Date", "a;x;1;2021-11-02 20:52:59", '"b ";"y;z";2.5;2021-11-02', "c;x;3;nothing"),
    text("customer,product", "a,x", "b,x", "a,y"),
  ],
  hostile: () => [text("user,item,rating", ...Array.from({ length: 50_000 }, (_, i) => `u${i % 3},i${i},${i % 5}`))],
  mutations: textMutations,
  words,
  run: async (input, place) => {
    const path = place.put("r.csv", input);
    await read(path, { implicit: true }).catch(requireCode);
    await read(path);
  },
};

const recordReader: Reader = {
  name: "JSON lines of ratings",
  reads: "ratings, an object a line",
  sources,
  seeds: () => [
    text('{"user":"a","item":7,"rating":4}', '{"rating":2.5,"user":"b","item":"7","time":"2021-11-02","x":["p"]}'),
  ],
  hostile: () => [text("[".repeat(500_000)), text(...Array.from({ length: 3000 }, (_, i) => `{"k${i}":1}`))],
  mutations: [jsonLineMutation, jsonLineMutation, ...textMutations],
  words: [...words, "\\ud800"],
  run: async (input, place) => read(place.put("r.jsonl", input)),
};

const itemsReader: Reader = {
  name: "table of rated items",
  reads: "attributes of items and users in columns",
  sources: [
    "node/src/data/ratings/entity-table.ts",
    "node/src/data/ratings/attributes.ts",
    "node/src/data/ratings/listed-words.ts",
    ...sources,
  ],
  weight: 2,
  seeds: () => [
    text(
      "item,title,year,genres,kind,RegionID,Region,web",
      ...[
        "x,Uno (1999),1999,a|b,p,1,N,http://a.org",
        'y,"Dos, dos",2000,b,q,2,S,http://a.org',
        "z,Uno (1999),,a|b,p,1,N,",
      ],
    ),
    text("item,food,abv,one", `x,"['Pork', ""Rich Fish""]",12.5,k`, 'y,"[""caf\\u00e9"", null, 3]",?,k', "z,[],1e3,k"),
  ],
  hostile: () => [
    text("item,words", `x,"[${"'a', ".repeat(150_000)}'b']"`, `y,"${"[".repeat(500_000)}]"`),
    text("item,words", `x,${"|".repeat(900_000)}`, `y,"['${"\\".repeat(900_000)}']"`),
    text("item", ...Array.from({ length: 2000 }, (_, i) => `,c${i}`)),
    text(["item", ...Array.from({ length: 30_000 }, (_, i) => `c${i}`)].join(","), `x${",1".repeat(30_000)}`),
  ],
  mutations: textMutations,
  words: [
    "item",
    "title",
    "|",
    "['",
    "']",
    "', '",
    "[",
    "]",
    "\\",
    "None",
    "?",
    "NA",
    "1999",
    "0x",
    "\u0301",
    "__proto__",
  ],
  async run(input, place) {
    const ratings = place.put("r.csv", "user,item,rating\na,x,1\na,y,2\nb,x,3\nb,w,4\n");
    const items = place.put("items.csv", input);
    for (const kind of ["number", "category", "bag"])
      await read(ratings, { items, itemAttributes: [`year:${kind}`, `words:${kind}`] }).catch(requireCode);
    await read(ratings, { users: items, userColumn: "user" }).catch(requireCode);
    await read(ratings, { items });
  },
};

const flags = "0|0|0|1|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0";
const movielensSeeds = {
  "ratings.dat": text("1::10::5::978300760", "1::20::3::978300761\r", "2::10::4::978300762", ""),
  "movies.dat": text("10::Heat (1995)::Crime|Action", "20::Les Misérables (1995)::Crime|Action"),
  "users.dat": text("1::M::25::16::01234", "2::F::1::0::94043"),
  "u.item": text(`10|Heat (1995)|01-Jan-1995||http://x|${flags}`, `20|Antz (1998)||||${flags}`),
};

const movielensReader: Reader = {
  name: "files of MovieLens",
  reads: "ratings, films and users between :: or bars",
  sources: ["node/src/data/ratings/movielens-layouts.ts", "node/src/data/ratings/entity-table.ts", ...sources],
  weight: 2,
  seeds: () => [...Object.values(movielensSeeds), Uint8Array.of(0x31, 0x30, 0x3a, 0x3a, 0xe9, 0x3a, 0x3a, 0x58)],
  hostile: () => [text(":".repeat(900_000)), text(`1::2::${"9".repeat(500_000)}::1`)],
  mutations: textMutations,
  words: ["::", "|", "\t", "(1995)", "\r\n", ...words],
  async run(input, place) {
    for (const [name, bytes] of Object.entries(movielensSeeds))
      if (name !== "u.item") place.put(`given/${name}`, bytes);
    for (const name of Object.keys(movielensSeeds)) {
      const file = place.put(`own/${name}`, input);
      await read(place.path("given"), name === "users.dat" ? { users: file } : { items: file }).catch(requireCode);
    }
    await read(place.put("u.data", input)).catch(requireCode);
    // What is read is read as one of them at least.
    await read(place.path("own/ratings.dat"));
  },
};

const zipped = Object.entries(movielensSeeds)
  .slice(0, 3)
  .map(([name, data]) => ({ name: `ml-1m/${name}`, data }));

const zipReader: Reader = {
  name: "archive of ratings",
  reads: "a zip archive of MovieLens",
  sources: ["node/src/data/ratings/rating-files.ts", "node/src/data/formats/zip-archive.ts"],
  seeds: () => [zip(zipped), zip(zipped, () => ({ stored: true }))],
  mutations: [zipMutation(zipped, [])],
  words: [...zipSignatures, "ratings.dat", "ratings.csv", "u.data"],
  run: async (input, place) => read(place.put("ml.zip", input)),
};

/** A valid file of stored ratings: of two users two of two items. */
function storedFile(): Uint8Array {
  const encoder = new TextEncoder();
  const words = { words: 2, wordBytes: 2 };
  const header = encoder.encode(
    JSON.stringify({
      kind: "ratings",
      name: "ratings",
      ratings: 3,
      users: { count: 2, idBytes: 2, attributes: [{ kind: "number", name: "age" }] },
      items: {
        ...{ count: 2, idBytes: 3, titleBytes: 2 },
        attributes: [
          { kind: "category", name: "type", ...words },
          { kind: "bag", name: "genres", ...words, places: 3 },
        ],
      },
      scale: { least: 1, most: 5 },
      times: true,
      source: { kind: "made up" },
    }),
  );
  const padded = new Uint8Array(Math.ceil(header.length / 8) * 8).fill(0x20);
  padded.set(header);
  const ints = (...values: readonly number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);
  const doubles = (...values: readonly number[]): Uint8Array => new Uint8Array(Float64Array.from(values).buffer);
  const floats = new Uint8Array(Float32Array.from([5, 1, 3]).buffer);
  const users = joined(ints(1, 1), encoder.encode("ab"), doubles(31, Number.NaN));
  const titles = joined(ints(2, 0), encoder.encode("Ä"));
  const category = joined(ints(1, 1), encoder.encode("rw"), ints(-1, 1));
  const bag = joined(ints(1, 1), encoder.encode("xy"), ints(1, 0, 1), ints(0, 2, 3));
  const items = joined(ints(2, 1), encoder.encode("01x"), titles, category, bag);
  const rows = joined(ints(0, 0, 1), ints(1, 0, 0), floats, doubles(5, 6, 1));
  const file = joined(encoder.encode("ILDATA\0\0"), new Uint8Array(40), padded, users, items, rows);
  const view = new DataView(file.buffer);
  view.setUint32(8, 2, true);
  view.setUint32(12, padded.length, true);
  datasetFrame.seal!(file);
  return file;
}

const storedReader: Reader = {
  name: "stored ratings",
  reads: "ratings of the store",
  sources: ["node/src/data/store/stored-ratings.ts", "node/src/data/store/dataset-file.ts"],
  weight: 2,
  seeds: () => [storedFile()],
  mutations: [headerMutation(datasetFrame), sealMutation(datasetFrame), sealMutation(datasetFrame)],
  words: [
    "ratings",
    "users",
    "items",
    "count",
    "idBytes",
    "titleBytes",
    "attributes",
    "words",
    "wordBytes",
    "places",
    "scale",
    "times",
    "implicit",
    "4294967296",
    "__proto__",
  ],
  async run(input, place) {
    place.put("data/ratings.examples", input);
    checkRatings(await loadInteractions("ratings", { folder: place.path("data") }));
  },
};

export const ratingReaders: readonly Reader[] = [
  tableReader,
  recordReader,
  itemsReader,
  movielensReader,
  zipReader,
  storedReader,
];
