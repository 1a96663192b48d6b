// script -qc "stty cols 100; npx innerloop start" /dev/null | node scripts/start-picture.mjs > docs/start.svg
// Draws what a terminal shows at the end as an SVG, which needs no font for drawings in Braille: each dot is drawn.
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

let input = "";
for await (const chunk of process.stdin) input += chunk;
// Progress is drawn over itself: of such a line, what stands there last.
const lines = input
  .trim()
  .split("\n")
  .map((line) => line.trimEnd().split("\u001b[2K").at(-1).replaceAll("\r", ""));
const cells = lines.map((line) => [...cellsOf(line)]);
const width = Math.max(...cells.flat().map(({ column, character }) => column + widthOf(character)));
const [w, h] = [Math.ceil(width * cellWidth + 2 * margin), lines.length * cellHeight + 2 * margin];
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" width="${w}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="${fontSize}">
<title>What npm start shows</title>
<rect width="${w}" height="${h}" rx="8" fill="${paper}"/>
<g stroke="${ink}" stroke-width="3.6" stroke-linecap="round">
${cells.flatMap(drawnLine).join("\n")}
</g>
</svg>
`);
