import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type CocoDataset, cocoDataset } from "@innerloop/core/detection";
import type { PictureReading } from "@innerloop/experiments";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { madeUpZip } from "../formats/made-up-archive.fixture.js";
import { writeCocoJson } from "./coco-writing.js";
import { readMarkedPictures } from "./marked-pictures.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-pictures-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(file: string, content: string | Uint8Array): Promise<void> {
  const path = join(folder, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

const image = (width = 64, height = 48, orientation = 1): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: "#4080c0" } })
    .withMetadata({ orientation })
    .jpeg()
    .toBuffer();

const read = (reading: PictureReading = {}, path = folder) => readMarkedPictures(path, reading);
const refusal = (reading?: PictureReading, path?: string): Promise<string> =>
  read(reading, path).then(
    () => "read",
    (error: Error) => error.message.replaceAll(`${folder}/`, ""),
  );
/** Notes without the folder of the test. */
const notesOf = ({ notes }: { readonly notes: readonly string[] }) =>
  notes.map((note) => note.replaceAll(`${folder}/`, ""));

const object = (name: string, corners: readonly number[], more = ""): string =>
  `<object><name>${name}</name>${more}<bndbox>
${["xmin", "ymin", "xmax", "ymax"].map((each, i) => `<${each}>${corners[i]}</${each}>`).join("\n")}
</bndbox></object>`;
const voc = (objects: string, size: readonly [number, number] | undefined = [64, 48], filename = "a.jpg"): string =>
  [
    `<annotation><filename>${filename}</filename>`,
    size ? `<size><width>${size[0]}</width><height>${size[1]}</height><depth>3</depth></size>` : "",
    objects,
    "</annotation>",
  ].join("\n");

const coco = (changes: object = {}) => ({
  images: [{ id: 5, file_name: "a.jpg", width: 64, height: 48 }],
  categories: [
    { id: 7, name: "dog" },
    { id: 3, name: "cat" },
  ],
  annotations: [{ id: 1, image_id: 5, category_id: 7, bbox: [1.5, 2, 10, 20], area: 120, iscrowd: 0 }],
  ...changes,
});
const putCoco = (changes: object = {}, file = "marks.json") => put(file, JSON.stringify(coco(changes)));

describe("Pascal VOC", () => {
  it("is read with corners of pixels from 1, the last included, or with edges", async () => {
    await put("JPEGImages/a.jpg", await image());
    const part = `<part>${object("head", [1, 1, 2, 2]).slice("<object>".length, -"</object>".length)}</part>`;
    await put(
      "Annotations/a.xml",
      voc(object("dog", [1, 2.5, 64, 48], `<difficult>1</difficult>${part}`) + object("cat", [10, 10, 20, 12])),
    );
    const found = await read();
    expect(found.found).toBe("Pascal VOC, 1 picture, 2 boxes of 2 classes");
    expect(found.pictures.classNames).toEqual(["cat", "dog"]);
    expect(found.pictures.pictures).toEqual([
      {
        name: "JPEGImages/a.jpg",
        path: "JPEGImages/a.jpg",
        width: 64,
        height: 48,
        objects: [
          { box: { x: 0, y: 1.5, width: 64, height: 46.5 }, label: 1, difficult: true },
          { box: { x: 9, y: 9, width: 11, height: 3 }, label: 0 },
        ],
      },
    ]);
    expect(found.notes).toEqual(["1 object is difficult"]);
    const edges = await read({ corners: "exclusive" });
    expect(edges.pictures.pictures[0]!.objects.map(({ box }) => box)).toEqual([
      { x: 1, y: 2.5, width: 63, height: 45.5 },
      { x: 10, y: 10, width: 10, height: 2 },
    ]);
    expect(edges.sha256).not.toBe(found.sha256);
  });

  it("leaves boxes without area out and names them, or refuses them", async () => {
    await put("a.jpg", await image());
    await put("a.xml", voc(`${object("dog", [1, 1, 9, 9])}\n${object("dog", [30, 31, 30, 31])}`));
    const found = await read();
    expect(found.pictures.pictures[0]!.objects.length).toBe(1);
    expect(notesOf(found)).toEqual(["1 box without area left out: a.xml:9"]);
    expect(await refusal({ emptyBoxes: "refuse" })).toMatch("ILD54 a.xml:9: a box without area");
  });

  it("clips boxes to the picture and counts them; those outside are left out", async () => {
    await put("a.jpg", await image());
    await put(
      "a.xml",
      voc(object("dog", [60, 40, 70, 50]) + object("dog", [70, 1, 80, 9]) + object("dog", [0, 0, 9, 9])),
    );
    const found = await read();
    expect(found.pictures.pictures[0]!.objects.map(({ box }) => box)).toEqual([
      { x: 59, y: 39, width: 5, height: 9 },
      { x: 0, y: 0, width: 9, height: 9 },
    ]);
    expect(notesOf(found)).toEqual([
      "1 box with a corner at 0, the first at a.xml:13, where Pascal VOC counts pixels from 1: if the file has edges from 0 on, read it with exclusive corners",
      "1 box outside of the picture left out: a.xml:8",
      "2 boxes clipped to the picture: a.xml:3, a.xml:13",
    ]);
  });

  it("has parts by lists of pictures", async () => {
    for (const name of ["a", "b", "c"]) {
      await put(`VOC/JPEGImages/${name}.jpg`, await image());
      await put(`VOC/Annotations/${name}.xml`, voc(object("dog", [1, 1, 9, 9]), undefined, `${name}.jpg`));
    }
    await put("VOC/ImageSets/Main/trainval.txt", "a\nb\nc\n");
    expect((await read()).pictures.pictures.map(({ part }) => part)).toEqual(["train", "train", "train"]);
    await put("VOC/ImageSets/Main/train.txt", "a\n");
    await put("VOC/ImageSets/Main/val.txt", "b  1\r\n");
    await put("VOC/ImageSets/Main/dog_val.txt", "x -1\n");
    expect((await read()).pictures.pictures.map(({ part }) => part)).toEqual(["train", "validation", undefined]);
    await put("VOC/ImageSets/Main/test.txt", "\na\nd\n");
    const said = await refusal();
    expect(said).toMatch('VOC/ImageSets/Main/train.txt:1: "a" is also of the part test');
    expect(said).toMatch('VOC/ImageSets/Main/test.txt:3: "d" is no picture with an XML file');
    // What is wrong with an XML file is told once, there.
    await put("VOC/ImageSets/Main/test.txt", "c\n");
    await put("VOC/Annotations/c.xml", "<annotation>");
    expect(await refusal()).toMatch(/^ILD54 VOC\/Annotations\/c\.xml:1: it is not well-formed/);
  });

  it("finds pictures by the XML file's own name, else by what it says", async () => {
    await put("images/a.jpg", await image());
    await put("images/b.jpg", await image());
    await put("marks/a.xml", voc(object("dog", [1, 1, 9, 9]), undefined, "b.jpg"));
    await put("marks/x.xml", voc(object("dog", [1, 1, 9, 9]), undefined, "somewhere/b.jpg"));
    const found = await read();
    expect(found.pictures.pictures.map(({ path }) => path)).toEqual(["images/a.jpg", "images/b.jpg"]);
    expect(notesOf(found)[0]).toMatch("marks/a.xml: <filename> names another picture");
    await put("marks/y.xml", voc("", undefined, "../../b.jpg"));
    expect(await refusal()).toMatch('marks/y.xml: <filename> "../../b.jpg": the path leaves its folder');
    await put("marks/y.xml", voc("", undefined, "y.jpg"));
    expect(await refusal()).toMatch('marks/y.xml: there is no picture of it, which it calls "y.jpg"');
    await put("marks/y.xml", voc("", undefined, "b.jpg"));
    expect(await refusal()).toMatch("images/b.jpg is marked twice, here and in marks/x.xml");
  });

  it("tells all that is wrong, with lines", async () => {
    await put("a.jpg", await image());
    for (const [text, problem] of [
      [voc(object("dog", [9, 1, 3, 9])), "a.xml:3: xmin 9, ymin 1, xmax 3, ymax 9: the last is before the first"],
      [voc(object("dog", [Number.NaN, 1, 3, 9])), 'a.xml:4: <xmin> is "NaN": a number is read'],
      [voc(object("dog", [1, 1, 3, 1e300])), 'a.xml:7: <ymax> is "1e+300"'],
      [voc(object("", [1, 1, 3, 9])), "a.xml:3: an object without a <name>"],
      [voc(object("d".repeat(600), [1, 1, 3, 9])), "a class whose name has 600 characters"],
      [voc("<object><name>dog</name><polygon/></object>"), '"dog" has no <bndbox>'],
      [voc(object("dog", [1, 1, 3, 9]).replace("<xmin>", "<xmin>1</xmin><xmin>")), "a.xml:4: a second <xmin>"],
      [voc(object("dog", [1, 1, 3, 9], "<difficult>2</difficult>")), '<difficult> is "2": write 0 or 1'],
      [voc(object("dog", [1, 1, 3, 9]), [0, 48]), "a.xml:2: <size> has no width and height above 0"],
      [voc(object("dog", [1, 1, 3, 9]), [640, 480]), "a.xml: it is marked as 640 x 480, and the picture is 64 x 48"],
      [voc(object("dog", [1, 1, 3, 9]), [48, 64]), "its sides are swapped"],
      [voc(""), "ILD55 "],
      ["<annotation>\n<object>", "a.xml:2: it is not well-formed"],
      ['<!DOCTYPE annotation SYSTEM "x.dtd"><annotation/>', "a.xml:1: it has a document type"],
    ] as const) {
      await put("a.xml", text);
      expect(await refusal(), text).toMatch(problem);
    }
    await put("a.xml", voc(object("dog", [9, 1, 3, 9]) + object("dog", [1, 1, Number.NaN, 9])));
    expect(await refusal()).toMatch(/there are 2 problems[\s\S]*a\.xml:3: [\s\S]*a\.xml:11: /);
  });
});

describe("EXIF", () => {
  it("turns pictures before their sizes are compared; a turn that explains a difference is named", async () => {
    await put("a.jpg", await image(64, 48, 6));
    await put("a.xml", voc(object("dog", [1, 1, 48, 64]), [48, 64]));
    const found = await read();
    expect(found.pictures.pictures[0]).toMatchObject({ width: 48, height: 64 });
    // The size shows that it was marked as it is shown.
    expect(found.notes).toEqual([]);
    await put("a.xml", voc(object("dog", [1, 1, 64, 48])));
    expect(await refusal()).toMatch(
      "a.xml: it is marked as 64 x 48, and the picture is 48 x 64 as it is shown, turned by its EXIF orientation 6",
    );
    // A half turn leaves the sides as they are: nothing shows how it was marked.
    await put("a.jpg", await image(64, 48, 3));
    expect((await read()).notes[0]).toMatch(/^1 picture turned or mirrored by EXIF/);
  });
});

describe("COCO", () => {
  it("is read with gaps between ids, crowds and areas", async () => {
    await put("images/a.jpg", await image());
    await putCoco({
      annotations: [
        { image_id: 5, category_id: 7, bbox: [1.5, 2, 10, 20], area: 120.5, segmentation: [[1, 2]] },
        { image_id: 5, category_id: 3, bbox: [60, 40, 10, 20], iscrowd: 1 },
        { image_id: 5, category_id: 3, bbox: [6, 4, 0, 20] },
      ],
    });
    const found = await read();
    expect(found.found).toBe("COCO, 1 picture, 2 boxes of 2 classes");
    expect(found.pictures).toMatchObject({ classNames: ["cat", "dog"], classIds: [3, 7] });
    expect(found.pictures.pictures).toEqual([
      {
        name: "a.jpg",
        path: "images/a.jpg",
        id: 5,
        width: 64,
        height: 48,
        objects: [
          { box: { x: 1.5, y: 2, width: 10, height: 20 }, label: 1, area: 120.5 },
          { box: { x: 60, y: 40, width: 4, height: 8 }, label: 0, crowd: true },
        ],
      },
    ]);
    expect(notesOf(found)).toEqual([
      "1 box without area left out: marks.json, annotations[2]",
      "1 box clipped to the picture: marks.json, annotations[1]",
      "1 box marks a crowd",
    ]);
  });

  it("has parts by files or folders, classes of one name being one", async () => {
    await put("train2017/a.jpg", await image());
    await put("val2017/a.jpg", await image(32, 48));
    await putCoco({}, "annotations/instances_train2017.json");
    await putCoco(
      {
        images: [{ id: 5, file_name: "a.jpg" }],
        categories: [
          { id: 7, name: "dog" },
          { id: 9, name: "cow" },
        ],
      },
      "annotations/instances_val2017.json",
    );
    await put("annotations/captions_val2017.json", '{"images":[],"annotations":[]}');
    const found = await read();
    expect(found.pictures.classNames).toEqual(["cat", "dog", "cow"]);
    expect(found.pictures.classIds).toEqual([3, 7, 9]);
    expect(found.pictures.pictures.map(({ path, part }) => [path, part])).toEqual([
      ["train2017/a.jpg", "train"],
      ["val2017/a.jpg", "validation"],
    ]);
    expect(notesOf(found)).toEqual([
      "annotations/captions_val2017.json left out: no COCO file of boxes",
      '2 classes without a box: "cat", "cow"',
    ]);
  });

  it("is read from one file, which lies beside or above its pictures and never leads outside", async () => {
    await put("set/deep/er/a.jpg", await image());
    await put("b.jpg", await image());
    await putCoco({ images: [{ id: 5, file_name: "deep/er/a.jpg" }] }, "set/marks.json");
    await putCoco({}, "set/other.json");
    const found = await read({}, join(folder, "set/marks.json"));
    expect(found.pictures).toMatchObject({ name: "marks", pictures: [{ path: "deep/er/a.jpg" }] });
    for (const [name, problem] of [
      ["../b.jpg", "the path leaves its folder"],
      ["deep/../../b.jpg", "the path leaves its folder"],
      ["..\\b.jpg", "the path leaves its folder"],
      [join(folder, "b.jpg"), "the path is absolute"],
      ["C:\\b.jpg", "the path is absolute"],
      ["b\u0000.jpg", "a path with a control character"],
      [".", "an empty path"],
      ["b.jpg", "there is no such picture"],
      [`${"x/".repeat(600)}b.jpg`, "a path of"],
    ] as const) {
      await putCoco({ images: [{ id: 5, file_name: name }] }, "set/marks.json");
      expect(await refusal({}, join(folder, "set/marks.json")), name).toMatch(
        /set\/marks\.json, images\[0\]: its file_name/,
      );
      expect(await refusal({}, join(folder, "set/marks.json")), name).toMatch(problem);
    }
  });

  it("tells what is wrong with the place in the file", async () => {
    await put("a.jpg", await image());
    await put("b/x.jpg", await image());
    await put("c/x.jpg", await image());
    const box = { image_id: 5, category_id: 7, bbox: [1, 2, 3, 4] };
    const picture = { id: 5, file_name: "a.jpg", width: 64, height: 48 };
    for (const [changes, problem] of [
      [{ annotations: [box, { ...box, category_id: 8 }] }, "annotations[1]: its category_id is 8: there is no such"],
      [{ annotations: [{ ...box, category_id: "__proto__" }] }, "annotations[0]: its category_id is"],
      [{ annotations: [{ ...box, image_id: 6 }] }, "annotations[0]: its image_id is 6: there is no such image"],
      [{ annotations: [{ ...box, bbox: [1, 2, -3, 4] }] }, "width and height are not below 0"],
      [{ annotations: [{ ...box, bbox: [1, 2, 1e300, 4] }] }, "numbers from -1048576 to 1048576"],
      [{ annotations: [{ ...box, bbox: [1, 2, "3", 4] }] }, "x, y, width and height are read"],
      [{ annotations: [{ ...box, bbox: [1, 2, 3] }] }, "its bbox is [1,2,3]"],
      [{ annotations: [{ ...box, bbox: undefined }] }, "its bbox is undefined"],
      [{ annotations: [{ ...box, iscrowd: 2 }] }, "its iscrowd is 2"],
      [{ annotations: [{ ...box, area: -1 }] }, "its area is -1"],
      [{ annotations: [null] }, "annotations[0]: null is no annotation"],
      [{ categories: [{ id: 7, name: "" }] }, 'categories[0]: its name is ""'],
      [{ categories: [{ id: -7, name: "a" }] }, "categories[0]: its id is -7"],
      [
        { categories: [box, { id: 7, name: "a" }, { id: 7, name: "b" }] },
        'categories[2]: its id 7 is also that of "a"',
      ],
      [
        {
          categories: [
            { id: 7, name: "a" },
            { id: 8, name: "a" },
          ],
        },
        'categories[1]: its name "a" is also',
      ],
      [{ images: [picture, { ...picture, id: 6 }] }, "images[1]: "],
      [{ images: [picture, picture] }, "images[1]: its id 5 is also that of another"],
      [{ images: [{ ...picture, file_name: 3 }] }, "images[0]: its file_name is 3"],
      [{ images: [{ ...picture, width: -64 }] }, "images[0]: it is -64 wide and 48 high"],
      [{ images: [{ ...picture, height: 49 }] }, "it is marked as 64 x 49, and the picture is 64 x 48"],
      [{ images: [{ ...picture, file_name: "x.jpg" }] }, "several pictures are called so, b/x.jpg and c/x.jpg"],
      [{ images: [7] }, "images[0]: its id is undefined"],
    ] as const) {
      await putCoco(changes);
      const said = await refusal();
      expect(said, JSON.stringify(changes)).toMatch(/^ILD54 /);
      expect(said).toContain(problem);
    }
    await put("marks.json", '{"images": [');
    expect(await refusal()).toMatch(/^ILD54 marks\.json: it is not JSON/);
    // More than a process has memory for, told before it is parsed.
    await put("marks.json", `[${"{},".repeat(2 ** 24)}{}]`);
    expect(await refusal()).toMatch(
      /^ILD54 marks\.json: the values of JSON take some 1153 MiB of memory, and at most 1024/,
    );
    await put("marks.json", Buffer.from('{"a":"\xe9"}', "latin1"));
    expect(await refusal()).toMatch(/^ILD54 marks\.json:1: the text is not UTF-8/);
  });
});

describe("YOLO text", () => {
  const line = (...numbers: readonly (number | string)[]): string => `${numbers.join(" ")}\n`;

  it("is read with images and labels side by side, names by a data.yaml, parts by folders", async () => {
    for (const part of ["train", "val"]) await put(`images/${part}/a.jpg`, await image());
    await put("labels/train/a.txt", line(1, 0.5, 0.5, 0.25, 0.5) + line(0, 0, 0.5, 0.5, 0.25));
    await put("labels/val/a.txt", "");
    await put("data.yaml", "train: images/train\nnc: 2\nnames:\n  0: cat\n  1: dog\n");
    const found = await read();
    expect(found.found).toBe("YOLO text, 2 pictures, 2 boxes of 2 classes");
    expect(found.pictures.classNames).toEqual(["cat", "dog"]);
    expect(found.pictures.pictures.map(({ path, part }) => [path, part])).toEqual([
      ["images/train/a.jpg", "train"],
      ["images/val/a.jpg", "validation"],
    ]);
    expect(found.pictures.pictures[0]!.objects).toEqual([
      { box: { x: 24, y: 12, width: 16, height: 24 }, label: 1 },
      { box: { x: 0, y: 18, width: 16, height: 12 }, label: 0 },
    ]);
    expect(notesOf(found)).toEqual(["1 box clipped to the picture: labels/train/a.txt:2"]);
    expect((await read({}, join(folder, "data.yaml"))).found).toBe(found.found);
  });

  it("is read beside pictures with a classes.txt; pictures without a text are left out", async () => {
    await put("a.jpg", await image());
    await put(
      "b.png",
      await sharp({ create: { width: 9, height: 9, channels: 4, background: "red" } })
        .png()
        .toBuffer(),
    );
    await put("a.txt", line(0, 0.5, 0.5, 0.5, 0.5));
    await put("notes.txt", "taken in spring");
    await put("classes.txt", "cat\n");
    expect(notesOf(await read())).toEqual([
      "notes.txt left out: no text of a picture",
      "1 picture without marks left out, the first b.png: that nothing is in a picture has to be said, by marks without a box",
    ]);
  });

  it("tells what is wrong, with lines", async () => {
    await put("a.jpg", await image());
    await put("classes.txt", "cat\ndog\n");
    const good = line(0, 0.5, 0.5, 0.5, 0.5);
    for (const [text, problem] of [
      [line(2, 0.5, 0.5, 0.5, 0.5), 'a.txt:2: class "2", where there are 2, from 0 on, in classes.txt'],
      [line(-1, 0.5, 0.5, 0.5, 0.5), 'class "-1"'],
      [line(0.5, 0.5, 0.5, 0.5, 0.5), 'class "0.5"'],
      [line(0, 320, 0.5, 0.5, 0.5), '"320" is no fraction of the picture'],
      [line(0, "nan", 0.5, 0.5, 0.5), '"nan" is no fraction'],
      [line(0, 0.5, 0.5, "1e999", 0.5), '"1e999" is no fraction'],
      [line(0, 0.5, 0.5, -0.1, 0.5), "a box -0.1 wide and 0.5 high"],
      [line(0, 0.5, 0.5, 0.5), "4 columns where 5 are read"],
      [line(0, 0.5, 0.5, 0.5, 0.5, 0.9), "the score of a detection"],
      [line(0, 0.1, 0.1, 0.9, 0.1, 0.9, 0.9), "the corners of a polygon"],
      ["x".repeat(5000), "a.txt:2: a line of 5000 characters"],
    ] as const) {
      await put("a.txt", good + text);
      const said = await refusal();
      expect(said).toMatch(/^ILD54 /);
      expect(said).toContain(problem);
    }
    await put("a.txt", good);
    await put("b.txt", good);
    expect(await refusal()).toBe("ILD54 b.txt: there is no picture of this name. Correct these marks or pictures.");
    await rm(join(folder, "b.txt"));
    await put("a.png", await image());
    expect(await refusal()).toMatch("a.txt: two pictures are called so: a.jpg and a.png");
    await rm(join(folder, "a.png"));
    await put("data.yaml", "names: [cat]");
    expect(await refusal()).toMatch("classes.txt: its names are others than those of data.yaml");
    await rm(join(folder, "data.yaml"));
    await rm(join(folder, "classes.txt"));
    expect(await refusal()).toMatch("there is no classes.txt, and no data.yaml with names");
  });
});

describe("readMarkedPictures", () => {
  it("reads the first of several forms and says so, or the one that is asked for", async () => {
    await put("a.jpg", await image());
    await putCoco();
    await put("a.xml", voc(object("dog", [1, 1, 9, 9])));
    const found = await read();
    expect(found.found).toMatch(/^COCO/);
    expect(notesOf(found)[0]).toBe("marked as Pascal VOC, too (1 XML file): COCO is read");
    expect((await read({ format: "voc" })).found).toMatch(/^Pascal VOC/);
    expect(await refusal({ format: "yolo" })).toMatch("there are no marks of YOLO text in it, and 1 picture");
  });

  it("reads a zip archive as its folder, and decodes its pictures when they are asked for", async () => {
    const picture = await image(64, 32);
    const marks = voc(object("dog", [1, 1, 9, 9]), [64, 32]);
    await put("folder/set/a.jpg", picture);
    await put("folder/set/a.xml", marks);
    await put(
      "set.zip",
      madeUpZip([
        { name: "set/a.jpg", data: picture },
        { name: "set/a.xml", data: marks },
      ]),
    );
    const [zipped, plain] = [await read({}, join(folder, "set.zip")), await read({}, join(folder, "folder"))];
    expect(zipped.pictures.pictures).toEqual(plain.pictures.pictures);
    expect(zipped.sha256).toBe(plain.sha256);
    for (const found of [zipped, plain]) {
      const [pixels] = await found.letterboxed(found.pictures.pictures, 16, {});
      expect(pixels!.length).toBe(16 * 16 * 3);
      // Rows 0 to 3 are padding, 4 to 11 the picture.
      expect([...pixels!.subarray(0, 4 * 16 * 3)]).toEqual(Array(4 * 16 * 3).fill(114));
      expect(pixels![8 * 16 * 3]).not.toBe(114);
    }
  });

  it("reads again what was written of a set, to the same marks", async () => {
    await put("images/a.jpg", await image());
    await putCoco();
    const found = await read();
    const written = join(folder, "written.json");
    await writeCocoJson(written, cocoDataset(found.pictures));
    const again = await read({}, written);
    expect(again.pictures).toEqual({ ...found.pictures, name: "written" });
    expect(again.sha256).toBe(found.sha256);
    // Whole or not at all: nothing is left beside it, and a value that cannot be written leaves the file as it was.
    const broken = { images: [], categories: [], annotations: [{ id: 1n }] } as unknown as CocoDataset;
    expect(() => writeCocoJson(written, broken)).toThrow(TypeError);
    expect((await read({}, written)).sha256).toBe(found.sha256);
  });

  it("reports pictures that cannot be read beside all else", async () => {
    await put("a.jpg", "no picture");
    await put("b.jpg", await image());
    await put("a.xml", voc(object("dog", [1, 1, 9, 9])));
    await put("b.xml", voc(object("dog", [9, 9, 1, 1])));
    const said = await refusal();
    expect(said).toMatch(/there are 2 problems/);
    expect(said).toMatch("a.jpg: the image cannot be read");
    expect(said).toMatch("b.xml:3: ");
  });

  it("says what it wants where there is nothing of the kind", async () => {
    await put("a.jpg", await image());
    await put("a.txt", "a caption");
    expect(await refusal()).toMatch(
      /^ILD55 .*there are no marks of pictures in it, and 1 picture\. Give a folder or zip/,
    );
    expect(await refusal({}, join(folder, "a.txt"))).toMatch("ILD55 a.txt: it is no folder, archive or file of marked");
    await symlink("nowhere", join(folder, "link.jpg"));
    await put("a.xml", voc(object("dog", [1, 1, 9, 9])));
    expect(notesOf(await read())).toEqual(["links that lead nowhere or back left out: link.jpg"]);
  });

  it("is stopped by its signal", async () => {
    await put("a.jpg", await image());
    await putCoco();
    await expect(readMarkedPictures(folder, {}, { signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow(
      "stopped",
    );
  });
});
