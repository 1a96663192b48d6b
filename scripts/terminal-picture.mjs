// node scripts/terminal-picture.mjs start > docs/start.svg
// node scripts/terminal-picture.mjs recommend RUN > docs/recommend.svg, RUN being what `innerloop train movietweetings` made
// Draws what a terminal of 100 columns shows at the end as an SVG, which needs no font for drawings in Braille: each dot is
// drawn. The terminal is that of `script` (util-linux).
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const own = fileURLToPath(new URL("../packages/node/bin/innerloop.js", import.meta.url));
const five = ["title,rating", "Alien,9", "Inception,10", "The Matrix,9", "Twilight,2", "The Notebook,3"];

/**
 * What is drawn, by name: a title for those who do not see it, and commands. Where these are shown, they stand behind a
 * prompt, and run in a folder of their own with these files, and with the run that is given.
 */
const pictures = {
  start: { title: "What npm start shows", commands: ["innerloop start"] },
  recommend: {
    title: "Five films rated, ten that may be liked, and which of the five spoke for and against each",
    shown: true,
    files: { "mine.csv": `${five.join("\n")}\n` },
    run: "runs/films",
    commands: ["cat mine.csv", "innerloop recommend runs/films --ratings mine.csv --explain"],
  },
};

/** All that the terminal was sent. @throws Error where a command fails */
function recorded({ commands, shown = false, files = {}, run }, given) {
  const folder = shown ? mkdtempSync(join(tmpdir(), "innerloop-picture-")) : process.cwd();
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    if (run) cpSync(resolve(given), join(folder, run), { recursive: true });
    const prompt = (command) => `printf '\\033[2m$\\033[22m \\033[1m%s\\033[22m\\n' '${command}'`;
    const lines = commands.map((command, i) =>
      shown ? `${i > 0 ? "echo; " : ""}${prompt(command)}; ${command}` : command,
    );
    const session = ["stty cols 100", "set -e", `innerloop() { '${process.execPath}' '${own}' "$@"; }`, ...lines];
    const script = join(mkdtempSync(join(tmpdir(), "innerloop-session-")), "session.sh");
    writeFileSync(script, session.join("\n"));
    const { status, stdout } = spawnSync("script", ["-qec", `bash '${script}'`, "/dev/null"], {
      cwd: folder,
      encoding: "utf8",
      maxBuffer: 2 ** 26,
      stdio: ["ignore", "pipe", "inherit"],
    });
    rmSync(join(script, ".."), { recursive: true });
    if (status !== 0) throw new Error(`a command has failed (${status}):\n${stdout}`);
    return stdout;
  } finally {
    if (shown) rmSync(folder, { recursive: true });
  }
}

const [name, given] = process.argv.slice(2);
const picture = pictures[name];
if (!picture || (picture.run !== undefined) !== (given !== undefined))
  throw new Error(
    `usage: terminal-picture.mjs ${Object.keys(pictures).join("|")} [RUN], a run where the picture is of one`,
  );

const [cellWidth, cellHeight, fontSize, margin] = [8.4, 18, 14, 16];
const colours = { 31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 36: "#79c0ff" };
const [paper, ink, dim] = ["#0d1117", "#e6edf3", "#8b949e"];

/** Columns that a character takes: Chinese ones take two. */
const widthOf = (character) => (/[⺀-鿿＀-￯]/u.test(character) ? 2 : 1);
const escaped = (text) => text.replace(/[&<>]/g, (c) => `&#${c.codePointAt(0)};`);

/** How characters are painted, from line to line. */
let [colour, bold] = [ink, false];

/** Characters of a line with their column and how they are painted. */
function* cellsOf(line) {
  let column = 0;
  const [head, ...painted] = line.split("\u001b[");
  for (const part of [`m${head}`, ...painted]) {
    const [, code, text] = /^(\d*)m(.*)$/u.exec(part);
    if (code === "1") bold = true;
    else if (code === "2") colour = dim;
    else if (code === "22") [colour, bold] = [colour === dim ? ink : colour, false];
    else if (code !== "") colour = colours[code] ?? ink;
    for (const character of text) {
      yield { character, column, colour, bold };
      column += widthOf(character);
    }
  }
}

/** Dots of a Braille character, two columns of four; bit by bit as in Unicode. */
const dots = [
  [0, 0],
  [0, 1],
  [0, 2],
  [1, 0],
  [1, 1],
  [1, 2],
  [0, 3],
  [1, 3],
];

function drawnLine(cells, row) {
  const top = margin + row * cellHeight;
  const runs = [];
  const points = [];
  for (const { character, column, colour, bold } of cells) {
    const code = character.codePointAt(0);
    if (code >= 0x2800 && code < 0x2900) {
      dots.forEach(([x, y], bit) => {
        if (((code - 0x2800) >> bit) & 1) {
          const [cx, cy] = [margin + (column + 0.25 + x / 2) * cellWidth, top + (y + 0.5) * (cellHeight / 4)];
          points.push(`M${cx.toFixed(1)} ${cy.toFixed(1)}h0`);
        }
      });
    } else if (character !== " ") {
      const last = runs.at(-1);
      const follows = last?.end === column && last.colour === colour && last.bold === bold;
      if (follows) Object.assign(last, { text: last.text + character, end: column + widthOf(character) });
      else runs.push({ text: character, column, end: column + widthOf(character), colour, bold });
    }
  }
  const texts = runs.map(({ text, column, end, colour, bold }) => {
    const [x, length] = [margin + column * cellWidth, (end - column) * cellWidth];
    const weight = bold ? ' font-weight="bold"' : "";
    return `<text stroke="none" x="${x.toFixed(1)}" y="${top + 13}" textLength="${length.toFixed(1)}" fill="${colour}"${weight}>${escaped(text)}</text>`;
  });
  return points.length > 0 ? [...texts, `<path d="${points.join("")}"/>`] : texts;
}

const input = recorded(picture, given);
// Progress is drawn over itself: of such a line, what stands there last.
const lines = input
  .trim()
  .split("\n")
  .map((line) => line.trimEnd().split("\u001b[2K").at(-1).replaceAll("\r", ""));
const cells = lines.map((line) => [...cellsOf(line)]);
const width = Math.max(...cells.flat().map(({ column, character }) => column + widthOf(character)));
const [w, h] = [Math.ceil(width * cellWidth + 2 * margin), lines.length * cellHeight + 2 * margin];
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="${fontSize}">
<title>${escaped(picture.title)}</title>
<rect width="${w}" height="${h}" rx="8" fill="${paper}"/>
<g stroke="${ink}" stroke-width="3.6" stroke-linecap="round">
${cells.flatMap(drawnLine).join("\n")}
</g>
</svg>
`);
