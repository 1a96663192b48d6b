import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

/** Of this package, as users import it. */
const ownName = "@innerloop/node";

/** Throws and logs errors of the built packages, as a user's program would. */
const program = `
import { GraphError, matmul, tensor } from "@innerloop/graph";
import { convNet, key, TaskError, TrainingError } from "@innerloop/core";
import { UsageError } from "@innerloop/experiments";
import { DataError, RunError } from "${ownName}";
const cause = new Error("the disk is full");
console.log(new GraphError("IL102", "here", "graph problem", "Remedy"));
console.log(new TrainingError("ILR101", "here", "training problem", "Remedy", { cause }));
console.log(new TaskError("ILT201", "here", "task problem", "Remedy"));
console.log(new DataError("ILD01", "here", "data problem", "Remedy"));
console.log(new RunError("ILN01", "here", "run problem", "Remedy"));
console.log(new UsageError("usage problem", "Remedy"));
try {
  const model = convNet({ imageShape: [8, 8, 1], ways: 5 });
  model.apply(model.init(key(0)), tensor([1, 2, 3]));
} catch (error) {
  console.log("below a model: " + error.message);
}
matmul(tensor([1]), tensor([2]));
`;

test("errors are printed with their message, whether logged or uncaught, and name the user's line", () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    cwd: new URL(".", import.meta.url),
    encoding: "utf8",
  });
  for (const begins of [
    /^GraphError: IL102 here: graph problem.*Remedy\n +at /m,
    /^TrainingError: ILR101 here: training problem\. Remedy\n +at [\s\S]*?\[cause\]: Error: the disk is full/m,
    /^TaskError: ILT201 here: task problem\. Remedy\n +at /m,
    /^DataError: ILD01 here: data problem\. Remedy\n +at /m,
    /^RunError: ILN01 here: run problem\. Remedy\n +at /m,
    /^UsageError: usage problem\. Remedy\n +at /m,
  ])
    expect(stdout).toMatch(begins);
  expect(stderr).toMatch(/^GraphError: IL201 matmul: needs matrices: \[1\] x \[1\].*\n +at /m);
  expect(stdout).toMatch(/^below a model: IL202 convNet: .*, at \[eval1\]:15\. /m);
  expect(status).toBe(1);
});
