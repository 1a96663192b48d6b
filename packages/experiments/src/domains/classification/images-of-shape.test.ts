import { labelledExamples } from "@innerloop/core";
import { describe, expect, it } from "vitest";
import { imagesOfShape, invertedImages } from "./images-of-shape.js";

const images = (exampleShape: readonly number[], ...examples: number[][]) =>
  labelledExamples({
    name: "made up",
    exampleShape,
    classes: [{ name: "a", examples: Uint8Array.from(examples.flat()) }],
  });
const bytesOf = (data: ReturnType<typeof images>): number[] => [...data.classes[0]!.examples];

describe("images of another shape", () => {
  it("shrink by averages and grow by repetition", () => {
    const wide = images([2, 2, 1], [0, 10, 20, 30], [100, 100, 100, 100]);
    expect(bytesOf(imagesOfShape(wide, [1, 1, 1]))).toEqual([15, 100]);
    expect(bytesOf(imagesOfShape(images([1, 1, 1], [7]), [2, 2, 1]))).toEqual([7, 7, 7, 7]);
    expect(imagesOfShape(wide, [4, 4, 1])).toMatchObject({ name: "made up", exampleShape: [4, 4, 1] });
  });

  it("are cut at the edges where their proportions are others", () => {
    const strip = images([1, 4, 1], [1, 2, 3, 4]);
    expect(bytesOf(imagesOfShape(strip, [1, 2, 1]))).toEqual([2, 3]);
    expect(bytesOf(imagesOfShape(strip, [2, 2, 1]))).toEqual([2, 2, 2, 2]);
    const tall = images([4, 2, 1], [9, 9, 1, 2, 3, 4, 9, 9]);
    expect(bytesOf(imagesOfShape(tall, [2, 2, 1]))).toEqual([1, 2, 3, 4]);
  });

  it("become grey by weighted channels, and colour by three equal ones", () => {
    const colour = images([1, 2, 3], [255, 0, 0, 10, 20, 30]);
    expect(bytesOf(imagesOfShape(colour, [1, 2, 1]))).toEqual([76, 18]);
    expect(bytesOf(imagesOfShape(images([1, 2, 1], [3, 5]), [1, 2, 3]))).toEqual([3, 3, 3, 5, 5, 5]);
    expect(bytesOf(imagesOfShape(colour, [1, 1, 3]))).toEqual([255, 0, 0]);
  });

  it("keep the channels apart when they shrink", () => {
    const colour = images([2, 2, 3], [0, 100, 200, 10, 110, 210, 20, 120, 220, 30, 130, 230]);
    expect(bytesOf(imagesOfShape(colour, [1, 1, 3]))).toEqual([15, 115, 215]);
  });

  it("are the same object where nothing is to be done, and refused where they are no images of bytes", () => {
    const same = images([2, 2, 1], [0, 1, 2, 3]);
    expect(imagesOfShape(same, [2, 2, 1])).toBe(same);
    const points = labelledExamples({
      name: "points",
      exampleShape: [2],
      classes: [{ name: "a", examples: [[1, 2]] }],
    });
    expect(() => imagesOfShape(points, [2, 2, 1])).toThrow(
      /examples of points have the shape \[2\], those that the model was trained on \[2, 2, 1\]\. Choose/,
    );
    const numbers = labelledExamples({
      name: "n",
      exampleShape: [1, 1, 1],
      classes: [{ name: "a", examples: [[0.5]] }],
    });
    expect(() => imagesOfShape(numbers, [2, 2, 1])).toThrow(/those of bytes/);
  });

  it("are inverted in a copy", () => {
    const data = images([1, 2, 1], [0, 200]);
    expect(bytesOf(invertedImages(data))).toEqual([255, 55]);
    expect(bytesOf(data)).toEqual([0, 200]);
    const numbers = labelledExamples({ name: "n", exampleShape: [1], classes: [{ name: "a", examples: [[0.25]] }] });
    expect(bytesOf(invertedImages(numbers))).toEqual([0.75]);
  });
});
