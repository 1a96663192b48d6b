/** Photos of coloured blocks on grey, with their marks in COCO's form: made up, and always the same. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";

const [width, height] = [80, 64];

/** Whole numbers that follow from their place alone. */
const numberAt = (place: number, below: number): number =>
  ((Math.imul(place + 1, 2_654_435_761) ^ Math.imul(place + 7, 40_503)) >>> 8) % below;

const colours = { brick: [200, 60, 40], tile: [40, 80, 210] } as const;
const names = Object.keys(colours) as readonly (keyof typeof colours)[];

/** One in the upper left, one in the lower right, of either class, 14 to 24 pixels a side. */
function blocksOf(picture: number) {
  return [0, 1].map((place) => {
    const [w, h] = [14 + numberAt(9 * picture + place, 11), 14 + numberAt(7 * picture + place + 50, 11)];
    const x = place * 40 + 2 + numberAt(5 * picture + place + 90, 10);
    const y = place * 32 + 2 + numberAt(3 * picture + place + 70, 5);
    return { name: names[(picture + place * numberAt(picture, 2)) % 2]!, box: [x, y, w, h] as const };
  });
}

/** Writes `count` photos and the file marks.json beside them; parts as files where `parts` says so: train.json, test.json. */
export async function writePhotos(folder: string, count: number, { parts = false } = {}): Promise<void> {
  await mkdir(folder, { recursive: true });
  const set = { images: [] as object[], annotations: [] as object[] };
  const files = parts ? { train: structuredClone(set), test: structuredClone(set) } : { marks: structuredClone(set) };
  for (let i = 0; i < count; i++) {
    const pixels = new Uint8Array(width * height * 3);
    for (let p = 0; p < pixels.length; p++) pixels[p] = 110 + numberAt(p + 13 * i, 30);
    const { images, annotations } = parts && i % 3 === 0 ? files.test! : (files.train ?? files.marks!);
    images.push({ id: i + 1, file_name: `${i}.png`, width, height });
    for (const { name, box } of blocksOf(i)) {
      const [x, y, w, h] = box;
      for (let row = y; row < y + h; row++)
        for (let column = x; column < x + w; column++) pixels.set(colours[name], 3 * (row * width + column));
      annotations.push({
        ...{ id: 10 * i + annotations.length + 1, image_id: i + 1, bbox: box },
        category_id: names.indexOf(name) + 1,
      });
    }
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toFile(join(folder, `${i}.png`));
  }
  const categories = names.map((name, i) => ({ id: i + 1, name }));
  for (const [name, content] of Object.entries(files))
    await writeFile(join(folder, `${name}.json`), JSON.stringify({ ...content, categories }));
}
