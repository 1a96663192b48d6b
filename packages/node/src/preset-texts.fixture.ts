/** Texts of the shapes that presets train on, made up: few, always the same, and under the presets' own names. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabelledTexts, MarkedTexts } from "@innerloop/core/tasks";
import { splits } from "@innerloop/core/tasks";
import { writeStoredFile } from "./data/store/dataset-file.js";

/** Words that say a class, and words that say nothing. */
function textOf(label: number, domain: number, i: number): string {
  const common = ["please", "could", "would", "really", "today"][(3 * i + domain) % 5];
  return `${common} topic${label} word${label}x${i % 4} of place${domain} number${i} then${(7 * i + label) % 11}`;
}

/** So many texts of each class in each domain; those of a domain are in all parts alike, where there are domains. */
function madeUpTexts(
  name: string,
  classes: readonly string[],
  perClass: number,
  domains: readonly string[] = [],
): LabelledTexts {
  const rows = (domains.length > 0 ? domains : [""]).flatMap((_, domain) =>
    classes.flatMap((_label, label) => Array.from({ length: perClass }, (_text, i) => ({ domain, label, i }))),
  );
  return {
    name,
    texts: rows.map(({ label, domain, i }) => textOf(label, domain, i)),
    classes: { names: classes, of: Int32Array.from(rows, ({ label }) => label) },
    ...(domains.length > 0
      ? {
          domains: { names: domains, of: Int32Array.from(rows, ({ domain }) => domain) },
          parts: rows.map(({ i }) => splits[i % splits.length]!),
        }
      : {}),
  };
}

/** Sentences with a span of each of two types of their domain. */
const madeUpMarked = (name: string, domains: readonly string[]): MarkedTexts => ({
  name,
  texts: domains.flatMap((domain, d) =>
    Array.from({ length: 40 }, (_, i) => {
      const [first, second] = [`place${(3 * i + d) % 17}`, `time${(5 * i + d) % 13}`];
      const text = `go to ${first} at ${second} with number ${i % 9}`;
      const spanOf = (word: string, type: string) => {
        const start = text.indexOf(word);
        return { start, end: start + word.length, type };
      };
      return { text, domain, spans: [spanOf(first, `${domain} where`), spanOf(second, `${domain} when`)] };
    }),
  ),
});

const classNames = (count: number): string[] => Array.from({ length: count }, (_, c) => `class ${c}`);

/** Writes all of them: data sets into the folder of data sets, `intents.csv` and `trips.jsonl` into `folder`. */
export async function writePresetTexts(folder: string, datasets: string): Promise<void> {
  const sets = [
    madeUpTexts("clinc150", classNames(45), 20),
    madeUpTexts("banking77", classNames(40), 20),
    madeUpTexts("huffpost", classNames(40), 30),
    madeUpTexts("sib200", classNames(7), 45, ["eng_Latn", "deu_Latn", "fra_Latn", "ita_Latn", "spa_Latn", "nld_Latn"]),
    madeUpTexts("nusax", ["negative", "neutral", "positive"], 210, [
      ...["english", "madurese", "toba_batak", "javanese", "acehnese", "balinese"],
    ]),
    madeUpTexts("sentiment", ["negative", "positive"], 210, ["tweets", "yelp", "imdb", "finance", "stack-overflow"]),
  ];
  for (const texts of sets)
    await writeStoredFile(join(datasets, `${texts.name}.examples`), { texts }, { kind: "texts" });
  const marked = [
    madeUpMarked("snips", ["GetWeather", "BookRestaurant", "PlayMusic", "RateBook"]),
    madeUpMarked("crossner", ["science", "politics", "music", "literature"]),
  ];
  for (const each of marked)
    await writeStoredFile(join(datasets, `${each.name}.examples`), { marked: each }, { kind: "marked" });
  const { texts, classes } = madeUpTexts("intents", classNames(20), 12);
  const lines = texts.map((text, i) => `${text},${classes.names[classes.of[i]!]}`);
  await writeFile(join(folder, "intents.csv"), `${["text,intent", ...lines].join("\n")}\n`);
  const trips = madeUpMarked("trips", ["air", "rail", "road"]).texts.map((each) => JSON.stringify(each));
  await writeFile(join(folder, "trips.jsonl"), `${trips.join("\n")}\n`);
}
