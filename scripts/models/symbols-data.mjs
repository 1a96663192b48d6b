// node scripts/models/symbols-data.mjs FOLDER OUT: writes OUT/x.npy and OUT/y.npy, the characters of Omniglot and of hanzi as
// `symbolPicture` of @innerloop/models makes pictures of what is drawn in a page. FOLDER holds the two official archives,
// images_background.zip and images_evaluation.zip. Then: innerloop data import symbols OUT/x.npy OUT/y.npy
//
// Of each drawing the ink alone is taken: its longer side becomes so many pixels of 28, about the middle. Most are 18 to 23
// pixels and nearly in the middle, as a page has them; three of ten are of other sizes and places, as pictures of users are
// that nobody has prepared. Lines of Omniglot, which are thin, become as wide as those of a pen of 1.2 to 2.4 pixels; hands
// of hanzi have pens of their own.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { areaAveraging } from "@innerloop/experiments";
import { hanziExamples, omniglotAlphabets, withZipArchive } from "@innerloop/node";
import sharp from "sharp";

const [folder, out] = process.argv.slice(2);
if (!folder || !out) throw new Error("give the folder of the archives and one to write: symbols-data.mjs FOLDER OUT");

const side = 28;
const samples = 20;
/** Ink and its surroundings are brought to this size first, of which 28 is a quarter. */
const fine = 4 * side;

/** Numbers from 0 to 1 that follow from a text: xorshift of its FNV-1a hash. */
function randomNumbers(text) {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 8; i++) next();
  return next;
}

/** The rectangle of the pixels that are ink. */
function boxOf(ink, width, height) {
  const box = { left: width, top: height, right: 0, bottom: 0 };
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (ink[y * width + x] < 100) continue;
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y);
      box.bottom = Math.max(box.bottom, y + 1);
    }
  return box;
}

/** Lines wider by a radius: a pixel is covered as far as ink is nearer. */
function wider(ink, width, height, radius) {
  const reach = Math.ceil(radius);
  const result = Uint8Array.from(ink);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (ink[y * width + x] < 128) continue;
      for (let dy = -reach; dy <= reach; dy++)
        for (let dx = -reach; dx <= reach; dx++) {
          const [row, column] = [y + dy, x + dx];
          if (row < 0 || column < 0 || row >= height || column >= width) continue;
          const covered = Math.round(255 * Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(dx, dy))));
          const at = row * width + column;
          if (covered > result[at]) result[at] = covered;
        }
    }
  return result;
}

const shrunk = areaAveraging([fine, fine], [side, side]);

/** A picture of 28 x 28 of ink (255) in a square of another size. */
function placed(ink, from, random, isThin) {
  const found = boxOf(ink, from, from);
  const longest = Math.max(found.right - found.left, found.bottom - found.top, from / 12);
  const usual = random() < 0.7;
  const [least, most, off] = usual ? [18, 23, 1] : [11, 26, 6];
  const length = least + (most - least) * random();
  const scale = length / longest;
  const pen = 1.2 + 1.2 * random();
  // Omniglot's lines are about 2.5 pixels wide.
  const radius = isThin ? Math.max(0, (pen / scale - 2.5) / 2) : 0;
  const lines = radius > 0 ? wider(ink, from, from, radius) : ink;
  const room = Math.max(0, Math.min(off, (side - length) / 2 - 1));
  const shift = [room * (2 * random() - 1), room * (2 * random() - 1)];
  const middle = [(found.left + found.right) / 2, (found.top + found.bottom) / 2];
  const large = new Uint8Array(fine * fine);
  const step = side / fine / scale;
  const at = (x, y) => (x < 0 || y < 0 || x >= from || y >= from ? 0 : lines[y * from + x]);
  for (let row = 0; row < fine; row++)
    for (let column = 0; column < fine; column++) {
      const x = (column + 0.5 - fine / 2) * step - shift[0] / scale + middle[0] - 0.5;
      const y = (row + 0.5 - fine / 2) * step - shift[1] / scale + middle[1] - 0.5;
      const [x0, y0] = [Math.floor(x), Math.floor(y)];
      const [fx, fy] = [x - x0, y - y0];
      large[row * fine + column] = Math.round(
        (1 - fy) * ((1 - fx) * at(x0, y0) + fx * at(x0 + 1, y0)) +
          fy * ((1 - fx) * at(x0, y0 + 1) + fx * at(x0 + 1, y0 + 1)),
      );
    }
  return shrunk(large);
}

/** Drawings of Omniglot by character, in the order of the alphabets: squares of 105, ink 255. */
async function omniglotDrawings() {
  const found = new Map();
  for (const part of ["background", "evaluation"])
    await withZipArchive(join(folder, `images_${part}.zip`), async (entries) => {
      const images = entries.filter(({ name }) => /\w+\/[^/]+\/character\d\d\/\d+_\d\d\.png$/.test(name));
      for (const entry of images) {
        const [, alphabet, character, file] = entry.name.split("/");
        const { data } = await sharp(await entry.read())
          .greyscale()
          .raw()
          .toBuffer({ resolveWithObject: true });
        const name = `${alphabet}/${character}`;
        const drawings = found.get(name) ?? [];
        drawings.push({ file, ink: data.map((value) => 255 - value) });
        found.set(name, drawings);
      }
    });
  const order = omniglotAlphabets.flatMap(({ name, characters }) =>
    Array.from({ length: characters }, (_, i) => `${name}/character${String(i + 1).padStart(2, "0")}`),
  );
  return order.map((name) => ({
    name,
    from: 105,
    isThin: true,
    inks: found
      .get(name)
      .sort((a, b) => (a.file < b.file ? -1 : 1))
      .map(({ ink }) => ink),
  }));
}

async function hanziDrawings() {
  const from = 112;
  const { classes } = await hanziExamples({ side: from });
  return classes.map(({ name, count, examples }) => ({
    name,
    from,
    isThin: false,
    inks: Array.from({ length: count }, (_, i) => examples.subarray(i * from ** 2, (i + 1) * from ** 2)),
  }));
}

/** An array as NumPy keeps it. */
function npy(type, shape, bytes) {
  const told = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const text = `${told.padEnd(Math.ceil((told.length + 11) / 64) * 64 - 11)}\n`;
  const head = Buffer.from(`\x93NUMPY\x01\x00\0\0${text}`, "latin1");
  head.writeUInt16LE(text.length, 8);
  return Buffer.concat([head, bytes]);
}

const classes = [...(await omniglotDrawings()), ...(await hanziDrawings())];
const pictures = new Uint8Array(classes.length * samples * side * side);
const labels = new Uint8Array(2 * classes.length * samples);
const labelOf = new DataView(labels.buffer);
classes.forEach(({ name, from, isThin, inks }, i) => {
  if (inks.length !== samples) throw new Error(`${name} has ${inks.length} drawings`);
  inks.forEach((ink, k) => {
    const at = i * samples + k;
    pictures.set(placed(ink, from, randomNumbers(`${name}/${k}`), isThin), at * side * side);
    labelOf.setUint16(2 * at, i, true);
  });
});
mkdirSync(out, { recursive: true });
writeFileSync(join(out, "x.npy"), npy("|u1", [classes.length * samples, side, side, 1], pictures));
writeFileSync(join(out, "y.npy"), npy("<u2", [classes.length * samples], labels));
console.log(`${classes.length} symbols, ${samples} drawings of each`);
