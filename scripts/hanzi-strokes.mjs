// node scripts/hanzi-strokes.mjs: writes packages/node/data/hanzi/strokes.txt.br from the npm package hanzi-writer-data,
// which is there for this and for the test that compares the two. Its 47 MB are outlines for the most part; what writing
// needs are the lines that a pen follows, 1.5 MB.
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { root } from "./workspace.mjs";

const source = dirname(createRequire(import.meta.url).resolve("hanzi-writer-data/package.json"));
const { version } = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
const target = join(root, "packages", "node", "data", "hanzi");

const characters = readdirSync(source)
  .filter((name) => name.endsWith(".json") && [...name].length === ".json".length + 1)
  .map((name) => name.slice(0, -".json".length))
  .sort((a, b) => a.codePointAt(0) - b.codePointAt(0));

const head = [
  `The lines that a pen follows to write ${characters.length} Chinese characters: \`medians\` of the npm package hanzi-writer-data`,
  `${version}, a part of Make Me a Hanzi (github.com/skishore/makemeahanzi), which took them from fonts of Arphic Technology.`,
  "Copyright (C) 1999 Arphic Technology Co., Ltd. Under the Arphic Public License: ARPHICPL.TXT beside this file.",
  "Changed for innerloop in November 2026: the outlines of strokes were left out, and the numbers written as steps.",
  "",
  "A line for each character: the character itself, then its strokes, separated by semicolons; in a stroke points x y,",
  "separated by commas. A number is the step from the last point's number before it in the character (from 0 for the",
  "first), its fraction dropped; `=` before a number says that it is the number itself.",
];

/** Whole numbers as steps, others as they are. */
function text(medians) {
  const last = [0, 0];
  const number = (value, axis) => {
    const step = Number.isInteger(value) ? String(value - last[axis]) : `=${value}`;
    last[axis] = Math.trunc(value);
    return step;
  };
  return medians.map((stroke) => stroke.map((point) => point.map(number).join(" ")).join(",")).join(";");
}

const lines = characters.map((character) => {
  const { medians } = JSON.parse(readFileSync(join(source, `${character}.json`), "utf8"));
  return `${character}${text(medians)}`;
});
const whole = Buffer.from(`${head.map((line) => `# ${line}`.trimEnd()).join("\n")}\n${lines.join("\n")}\n`);
const packed = brotliCompressSync(whole, {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: whole.length,
  },
});
writeFileSync(join(target, "strokes.txt.br"), packed);
copyFileSync(join(source, "ARPHICPL.TXT"), join(target, "ARPHICPL.TXT"));
console.log(`${characters.length} characters, ${whole.length} bytes, ${packed.length} compressed`);
