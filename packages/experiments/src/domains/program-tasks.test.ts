import { crossEntropy, maml, mlp, sgd, type TaskSource } from "@innerloop/core";
import type { DescribedTaskSource } from "@innerloop/core/tasks";
import type { Executor, Tensor, Tree } from "@innerloop/graph";
import { expect, it } from "vitest";
import type { DataIo } from "../io.js";
import { TrainedModel } from "../trained-model.js";
import type { Tasks } from "./domain.js";
import { domains } from "./registry.js";

const described = (spec: DescribedTaskSource<Tree, Tree>["spec"]): TaskSource =>
  ({
    name: "made up",
    description: {},
    spec,
    sample: () => {
      throw new Error("no task is drawn");
    },
  }) as unknown as TaskSource;
const rows = { support: { rows: 2 }, query: { rows: 2 } };
const tokens = { shape: [6], dtype: "int32" } as const;
const mask = { shape: [6], dtype: "float32" } as const;
const value = { shape: [1], dtype: "float32" } as const;
const label = { shape: [], dtype: "int32", classes: { count: 3 } } as const;
const trees = {
  "sentences with classes": described({ x: { tokens, mask }, y: label, ...rows }),
  "sentences with values": described({ x: { tokens, mask }, y: value, ...rows }),
  "values for points": described({ x: value, y: { mean: value, deviation: value }, ...rows }),
};

it.each(Object.entries(trees))("no domain takes %s, which are trees of tensors, for its own", (_, source) => {
  const tasks: Tasks = { train: source, validation: source, test: source };
  for (const each of domains()) expect(each.adopt?.(tasks), each.name).toBeUndefined();
  const learner = maml({
    model: mlp({ sizes: [1, 3] }),
    loss: crossEntropy,
    inner: sgd({ learningRate: 0.1 }),
    steps: 1,
  });
  const parts = { params: {}, iteration: 0, evaluatedSteps: 1, protocol: {}, name: "mine" };
  const unused = { executor: {} as Executor, io: {} as DataIo };
  expect(() => new TrainedModel({ ...parts, ...unused, made: { learner, tasks } })).toThrow(
    /^mine is of tasks of no known kind\. Load it with `loadRun\(DIR/,
  );
});

it("points, rows and classes of single tensors are known by their look", () => {
  const adoptedBy = (x: { shape: number[]; dtype: "float32" }, y: object): string[] => {
    const source = described({ x, y: y as { shape: number[]; dtype: Tensor["dtype"] }, ...rows });
    const tasks: Tasks = { train: source, validation: source, test: source };
    return domains()
      .filter((each) => each.adopt?.(tasks))
      .map(({ name }) => name);
  };
  expect(adoptedBy({ shape: [1], dtype: "float32" }, value)).toEqual(["curves", "tables"]);
  expect(adoptedBy({ shape: [4], dtype: "float32" }, value)).toEqual(["tables"]);
  expect(adoptedBy({ shape: [8, 8, 1], dtype: "float32" }, label)).toEqual(["classification"]);
});
