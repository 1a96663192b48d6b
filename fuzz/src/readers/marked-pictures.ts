/** Marks of pictures: COCO JSON, Pascal VOC XML, YOLO text, names of classes, and archives of pictures with marks. */
import type { FoundMarkedPictures } from "@innerloop/experiments";
import { readMarkedPictures } from "../../../packages/node/dist/data/pictures/marked-pictures.js";
import { halvesPng } from "../formats/png.js";
import { zip, zipMutation, zipSignatures } from "../formats/zip.js";
import { type Json, jsonMutation, type Mutation, textMutations } from "../mutations.js";
import { type Place, type Reader, WrongResult } from "../reader.js";

const text = (...lines: readonly string[]): Uint8Array => new TextEncoder().encode(lines.join("\n"));

const [width, height] = [16, 16];
const picture = halvesPng(width, height, 6);

/** What a file beside the marks holds, which no mark may bring in. */
const secret = "what-no-entity-may-read";
const secretFile = "secret.txt";

/** @throws WrongResult where boxes are not within their pictures, or classes not those of the set */
function checkPictures({ pictures: { classNames, pictures } }: FoundMarkedPictures): void {
  if (new Set(classNames).size !== classNames.length) throw new WrongResult("two classes have the same name");
  if (new Set(pictures.map(({ path }) => path)).size !== pictures.length)
    throw new WrongResult("a picture is there twice");
  if (JSON.stringify([classNames, pictures]).includes(secret)) throw new WrongResult("an entity was read");
  for (const each of pictures) {
    if (each.path.split("/").some((name) => name === ".." || name === ""))
      throw new WrongResult(`a picture at ${each.path}`);
    for (const { box, label, area } of each.objects) {
      const { x, y } = box;
      const isWithin = x >= 0 && y >= 0 && box.width > 0 && box.height > 0;
      // The sum may be rounded up.
      if (!isWithin || !(x + box.width <= each.width + 1e-9 && y + box.height <= each.height + 1e-9))
        throw new WrongResult(`a box ${JSON.stringify(box)} of ${each.width} x ${each.height}`);
      if (classNames[label] === undefined) throw new WrongResult(`class ${label} of ${classNames.length}`);
      if (area !== undefined && !(area > 0 && Number.isFinite(area))) throw new WrongResult(`an area of ${area}`);
    }
  }
}

/** Reads a folder with a picture, what else it holds once, and the input as one of its files. */
const reading =
  (folder: string, file: string, others: Readonly<Record<string, Uint8Array | string>> = {}): Reader["run"] =>
  async (input, place: Place) => {
    await place.once(folder, () => {
      place.put(`${folder}/images/a.png`, picture);
      place.put(`${folder}/images/b.png`, picture);
      place.put(`${folder}/${secretFile}`, secret);
      for (const [name, contents] of Object.entries(others)) place.put(`${folder}/${name}`, contents);
    });
    place.put(`${folder}/${file}`, input);
    try {
      for (const corners of ["inclusive", "exclusive"] as const)
        checkPictures(await readMarkedPictures(place.path(folder), { corners }));
    } catch (error) {
      if (error instanceof Error && error.message.includes(secret)) throw new WrongResult("an entity was read");
      throw error;
    }
  };

const sources = [
  "node/src/data/pictures/marked-pictures.ts",
  "node/src/data/pictures/picture-set-reading.ts",
  "node/src/data/pictures/picture-tree.ts",
  "node/src/data/pictures/mark-lines.ts",
  "node/src/data/formats/text-file.ts",
];

const coco: Json = {
  info: { year: 2017 },
  images: [
    { id: 5, file_name: "a.png", width, height },
    { id: 9, file_name: "images/b.png" },
  ],
  categories: [
    { id: 7, name: "dog", supercategory: "pet" },
    { id: 90, name: "cat" },
  ],
  annotations: [
    { id: 1, image_id: 5, category_id: 7, bbox: [1.5, 2, 5, 6], area: 30, iscrowd: 0, segmentation: [[1, 2, 3, 4]] },
    { id: 2, image_id: 9, category_id: 90, bbox: [0, 0, 16, 16], iscrowd: 1 },
    { id: 3, image_id: 5, category_id: 90, bbox: [12, 12, 9, 0] },
  ],
};

const cocoReader: Reader = {
  name: "COCO",
  reads: "a COCO file beside its pictures",
  sources: ["node/src/data/pictures/coco-file.ts", ...sources],
  seeds: () => [text(JSON.stringify(coco))],
  hostile: () => {
    const many = (count: number, item: object): string => `[${Array(count).fill(JSON.stringify(item)).join()}]`;
    const box = { image_id: 5, category_id: 7, bbox: [1, 2, 3, 4] };
    return [
      text(
        `{"images":[{"id":5,"file_name":"a.png"}],"categories":[{"id":7,"name":"a"}],"annotations":${many(15_000, box)}}`,
      ),
      text(`{"images":${many(20_000, { id: 5, file_name: "a.png" })},"categories":[],"annotations":[]}`),
      text(`{"images":[],"categories":[],"annotations":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
      text(`{"images":[{"id":1,"file_name":"${"../".repeat(300)}etc/passwd"}],"categories":[],"annotations":[]}`),
    ];
  },
  mutations: [jsonMutation, jsonMutation, ...textMutations],
  words: ["images", "annotations", "categories", "bbox", "image_id", "file_name", "../a.png", "a.png", "-1", "1e400"],
  run: reading("coco", "marks.json"),
};

const voc = text(
  '<?xml version="1.0"?>',
  "<annotation>",
  "  <folder>images</folder><filename>a.png</filename>",
  `  <size><width>${width}</width><height>${height}</height><depth>3</depth></size>`,
  "  <object><name>dog &amp; cat</name><difficult>0</difficult>",
  "    <bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>16</ymax></bndbox>",
  "    <part><name>head</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></part>",
  "  </object>",
  "  <object><name>dog &amp; cat</name><difficult>1</difficult>",
  "    <bndbox><xmin>5.5</xmin><ymin>5</ymin><xmax>20</xmax><ymax>8</ymax></bndbox></object>",
  "  <object><name>bird</name><bndbox><xmin>3</xmin><ymin>3</ymin><xmax>3</xmax><ymax>3</ymax></bndbox></object>",
  "</annotation>",
);
const entity = (what: string): string => `<!DOCTYPE annotation [<!ENTITY x ${what}>]>`;

const vocReader: Reader = {
  name: "Pascal VOC",
  reads: "an XML file of Pascal VOC beside its picture",
  sources: ["node/src/data/pictures/pascal-voc.ts", "node/src/data/formats/xml-elements.ts", ...sources],
  seeds: () => [voc],
  hostile: () => {
    const laughs = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join("");
    const root = "<annotation><object><name>&x;</name></object></annotation>";
    return [
      text(`<!DOCTYPE lolz [<!ENTITY l0 "lol">${laughs}]><annotation>&l9;</annotation>`),
      text(`${entity(`SYSTEM "${secretFile}"`)}${root}`),
      text(`${entity('SYSTEM "file:///etc/passwd"')}${root}`),
      text(`${entity('SYSTEM "http://127.0.0.1:1/x"')}${root}`),
      text(`<annotation><xi:include href="${secretFile}" parse="text"/>${"<a>".repeat(200_000)}`),
      text(`<annotation ${"a='1' ".repeat(100_000)}/>`),
      text(`<annotation>${"<object><name>a</name><bndbox/></object>".repeat(20_000)}</annotation>`),
      text(`<annotation>${"&#65;".repeat(150_000)}</annotation>`),
      text(`<annotation>${"<![CDATA[]]>".repeat(80_000)}</annotation>`),
      text(`<annotation><!--${"-".repeat(500_000)}`),
    ];
  },
  mutations: textMutations,
  words: [
    "<annotation>",
    "</annotation>",
    "<object>",
    "</object>",
    "<bndbox>",
    "<xmin>",
    "</xmin>",
    "<name>",
    "<filename>",
    "<difficult>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml",
    "?>",
    "&x;",
    "&#0;",
    "&#x10FFFF;",
    entity(`SYSTEM "${secretFile}"`),
    entity('SYSTEM "file:///etc/passwd"'),
    entity('PUBLIC "x" "http://127.0.0.1:1/"'),
    "<!ENTITY % p SYSTEM",
    'hasOwnProperty="1"',
    "../../a.png",
  ],
  run: reading("voc", "marks/a.xml", { "ImageSets/Main/train.txt": "a\n" }),
};

const listReader: Reader = {
  name: "list of pictures",
  reads: "a part of Pascal VOC in ImageSets/Main",
  sources: ["node/src/data/pictures/pascal-voc.ts", "node/src/data/pictures/mark-lines.ts"],
  weight: 0.3,
  seeds: () => [text("a", ""), text("a  1", "\t", "a")],
  hostile: () => [text("a\n".repeat(100_000)), text("b\n".repeat(100_000)), text(` ${"a".repeat(500_000)}`)],
  mutations: textMutations,
  words: ["a", "../a", "\r\n", "\ufeff", " 1", " -1"],
  run: reading("list", "ImageSets/Main/val.txt", { "marks/a.xml": voc, "marks/b.xml": "<annotation/>" }),
};

const yoloReader: Reader = {
  name: "YOLO text",
  reads: "a text file of YOLO beside its picture",
  sources: ["node/src/data/pictures/yolo-text.ts", ...sources],
  seeds: () => [text("0 0.5 0.5 0.25 0.5", "1 0.123456 0.9 0.2 0.3", ""), text("1 0.5 0.5 1 1")],
  hostile: () => [
    text("0 0.5 0.5 0.25 0.5\n".repeat(50_000)),
    text(" ".repeat(500_000)),
    text(`0 ${"9".repeat(500_000)} 1 1 1`),
    text("\n".repeat(900_000)),
  ],
  mutations: textMutations,
  words: ["0 0.5 0.5 0.5 0.5", "-1", "1e-9", "nan", "inf", "\t", "\r\n", "0x1", "1.5", "-0.5", "\u00a0"],
  run: reading("yolo", "labels/a.txt", { "classes.txt": "cat\ndog\n", "labels/b.txt": "0 0.5 0.5 0.5 0.5\n" }),
};

const namesReader: Reader = {
  name: "names of classes",
  reads: "a data.yaml beside YOLO text",
  sources: ["node/src/data/pictures/class-list.ts", "node/src/data/pictures/yolo-text.ts"],
  seeds: () => [
    text("train: images/train # here", "nc: 2", "names:", "  0: cat", "  1: 'big dog'", "val: x"),
    text("names: ['cat', \"dog\", a b]"),
    text("names:", "- cat", '- "d\\"g"', "# end"),
    text("names: {0: cat, 1: dog}"),
  ],
  hostile: () => [
    text(`names: ${"[".repeat(500_000)}`),
    text(`names: [${"a,".repeat(400_000)}]`),
    text(`names:\n${"  - a\n".repeat(100_000)}`),
    text(`names: {${"0:a,".repeat(100_000)}}`),
    text(`names: [\n${"\n".repeat(900_000)}`),
    text(`names: [${"'".repeat(900_001)}]`),
    text(`names: [a ${"#".repeat(900_000)}`),
    text("names: &a [*a]\nb: !!python/object/apply:os.system ['id']"),
  ],
  mutations: textMutations,
  words: [
    "names:",
    "nc: 2",
    "- ",
    "  - ",
    "0: ",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "# ",
    "&a",
    "*a",
    "!!str",
    "|",
    ">",
    "\\",
  ],
  run: reading("names", "data.yaml", { "labels/a.txt": "0 0.5 0.5 0.5 0.5\n" }),
};

const archived = [
  { name: "set/JPEGImages/a.png", data: picture },
  { name: "set/Annotations/a.xml", data: voc },
  { name: "set/ImageSets/Main/train.txt", data: text("a") },
];
const zippedMarks: Mutation = zipMutation(archived, textMutations);

const archiveReader: Reader = {
  name: "marked pictures archive",
  reads: "a zip archive of pictures with marks, and their pixels",
  sources: [
    ...sources,
    "node/src/data/pictures/letterboxed-pixels.ts",
    "node/src/data/images/image-tree.ts",
    "node/src/data/images/image-decoding.ts",
  ],
  weight: 0.5,
  seeds: () => [
    zip(archived),
    zip([
      { name: "a.png", data: picture },
      { name: "a.txt", data: text("0 0.5 0.5 0.5 0.5") },
      { name: "classes.txt", data: text("cat") },
    ]),
  ],
  mutations: [zippedMarks],
  words: [...zipSignatures, "../", "JPEGImages/", "Annotations/", ".xml", ".json", "classes.txt"],
  async run(input, place) {
    const path = place.put("marked.zip", input);
    const found = await readMarkedPictures(path, {});
    checkPictures(found);
    const squares = await found.letterboxed(found.pictures.pictures, 8, {});
    if (squares.length !== found.pictures.pictures.length || squares.some(({ length }) => length !== 8 * 8 * 3))
      throw new WrongResult("pixels of another number");
  },
};

export const markedPictureReaders: readonly Reader[] = [
  cocoReader,
  vocReader,
  listReader,
  yoloReader,
  namesReader,
  archiveReader,
];
