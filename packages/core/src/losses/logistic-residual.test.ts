import { grad, sigmoid, sub, tensor } from "@innerloop/graph";
import { expect, test } from "vitest";
import { noiseTensor, valuesIn } from "../numerical.fixture.js";
import { logisticResidual } from "./logistic-residual.js";
import { binaryCrossEntropy } from "./losses.js";

const y = tensor([[1], [0], [1], [0], [0]]);
const base = tensor([[2.5], [-1], [-6], [6], [0]]);
const left = sub(y, sigmoid(base));
const said = noiseTensor([5, 1], 3);
const plus = tensor(
  Float32Array.from(valuesIn(base), (each, i) => each + valuesIn(said)[i]!),
  [5, 1],
);

test("is the likelihood of targets with the base as their offset, and of none of the rows that are padding", () => {
  expect(valuesIn(logisticResidual(said, left))[0]).toBeCloseTo(valuesIn(binaryCrossEntropy(plus, y))[0]!, 4);
  const present = tensor([1, 0, 1, 1, 0]);
  expect(valuesIn(logisticResidual(said, left, present))[0]).toBeCloseTo(
    valuesIn(binaryCrossEntropy(plus, y, present))[0]!,
    4,
  );
  // Targets of padding are zeros.
  expect(valuesIn(logisticResidual.perRow(said, tensor(new Float32Array(5), [5, 1]))).every(Number.isFinite)).toBe(
    true,
  );
});

test("has minus the residuals as its gradient where nothing is predicted", () => {
  const none = tensor(new Float32Array(5), [5, 1]);
  const gradient = valuesIn(grad((at: typeof none) => logisticResidual(at, left))(none));
  valuesIn(left).forEach((each, i) => {
    expect(gradient[i]).toBeCloseTo(-each / 5, 5);
  });
});

test("holds probabilities off 0 and 1, and refuses other shapes", () => {
  const certain = sub(y, tensor([[1], [0], [1], [0], [0]]));
  expect(valuesIn(logisticResidual(said, certain)).every(Number.isFinite)).toBe(true);
  expect(() => logisticResidual(said, tensor([1, 0]))).toThrow("IL202");
});
