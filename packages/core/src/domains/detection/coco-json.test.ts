import { expect, test } from "vitest";
import { cocoDataset, cocoResults } from "./coco-json.js";
import type { MarkedPictures } from "./picture-set.js";

const box = { x: 1.5, y: 2, width: 10, height: 4 };
const set: MarkedPictures = {
  name: "pets",
  classNames: ["cat", "dog"],
  classIds: [3, 18],
  pictures: [
    {
      name: "a.jpg",
      path: "images/a.jpg",
      id: 7,
      width: 64,
      height: 48,
      objects: [
        { box, label: 1, area: 33 },
        { box, label: 0, crowd: true },
        { box, label: 0, difficult: true },
      ],
    },
    { name: "b.jpg", path: "images/b.jpg", id: 9, width: 32, height: 32, objects: [] },
  ],
};
const found = [[], [{ box, label: 0, score: 0.25 }]];

test("results refer to pictures and classes by the ids of their file", () => {
  expect(cocoResults(set, found)).toEqual([{ image_id: 9, category_id: 3, bbox: [1.5, 2, 10, 4], score: 0.25 }]);
});

test("a file holds what is marked, crowds and difficult objects as crowds", () => {
  expect(cocoDataset(set)).toEqual({
    images: [
      { id: 7, file_name: "a.jpg", width: 64, height: 48 },
      { id: 9, file_name: "b.jpg", width: 32, height: 32 },
    ],
    categories: [
      { id: 3, name: "cat" },
      { id: 18, name: "dog" },
    ],
    annotations: [
      { id: 1, image_id: 7, category_id: 18, bbox: [1.5, 2, 10, 4], area: 33, iscrowd: 0 },
      { id: 2, image_id: 7, category_id: 3, bbox: [1.5, 2, 10, 4], area: 40, iscrowd: 1 },
      { id: 3, image_id: 7, category_id: 3, bbox: [1.5, 2, 10, 4], area: 40, iscrowd: 1 },
    ],
  });
});

test("detections stand in place of what is marked, with their scores", () => {
  const { annotations } = cocoDataset(set, found);
  expect(annotations).toEqual([
    { id: 1, image_id: 9, category_id: 3, bbox: [1.5, 2, 10, 4], area: 40, iscrowd: 0, score: 0.25 },
  ]);
});

test("pictures without ids, or whose ids are used twice, have their places", () => {
  const pictures = set.pictures.map((picture) => ({ ...picture, id: 7 }));
  expect(cocoResults({ ...set, pictures }, found)[0]!.image_id).toBe(2);
  expect(cocoDataset({ ...set, pictures }).images.map(({ id }) => id)).toEqual([1, 2]);
  const { classIds: _, ...plain } = set;
  expect(cocoDataset(plain).categories.map(({ id }) => id)).toEqual([1, 2]);
});

test("detections of other pictures or classes are refused", () => {
  expect(() => cocoResults(set, [[]])).toThrow("ILT313 cocoResults: detections of 1 pictures, where there are 2");
  expect(() => cocoDataset(set, [[], [{ box, label: 2, score: 1 }]])).toThrow("ILT313 cocoDataset: class 2 of 2");
});
