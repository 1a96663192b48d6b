/** Tasks of environments: what `adapt RUN --task` is told. */
import { bernoulliBandits, navigation2d, type RowFamily, tabularMdps } from "@innerloop/core/reinforcement";
import { ant, halfCheetah, type LocomotionFamily } from "@innerloop/mujoco";
import { taskArgument } from "../../../packages/node/dist/cli/commands/task-argument.js";
import { jsonLineMutation, textMutations } from "../mutations.js";
import { type Reader, WrongResult } from "../reader.js";

const sources: readonly string[] = [
  ...["navigation", "bandits", "tabular-mdp", "row-dynamics"].map(
    (file) => `core/src/domains/reinforcement/${file}.ts`,
  ),
  "mujoco/src/goals.ts",
  "node/src/cli/commands/task-argument.ts",
];

// biome-ignore lint/suspicious/noExplicitAny: families of different tasks, each of which reads its own.
const families: readonly (RowFamily<any> | LocomotionFamily<any>)[] = [
  navigation2d(),
  bernoulliBandits({ arms: 3 }),
  tabularMdps({ states: 2, actions: 2 }),
  halfCheetah({ goal: "direction", workers: 0 }),
  halfCheetah({ goal: "velocity", workers: 0 }),
  ant({ goal: "direction-2d", workers: 0 }),
];

/** A task that is read has finite numbers, is read again as itself, and can be played; or it is refused. */
export const environmentTaskReaders: readonly Reader[] = families.map((family) => ({
  name: `task of ${family.name}`,
  reads: `a task of ${family.name}, as JSON`,
  sources,
  seeds: () => [0, 1].map((index) => new TextEncoder().encode(JSON.stringify(family.task(1, index)))),
  mutations: [jsonLineMutation, ...textMutations],
  words: [
    "goal",
    "means",
    "transitions",
    "rewards",
    "direction",
    "velocity",
    "__proto__",
    "toJSON",
    "null",
    "-1",
    "1e999",
    "[]",
    "{}",
  ],
  run: (input) => {
    const given = taskArgument(new TextDecoder().decode(input));
    if ("problem" in given) return;
    const task = family.parseTask(given.task);
    if (!family.context(task).every((number) => typeof number === "number"))
      throw new WrongResult("what tells the task is no number");
    if (JSON.stringify(family.parseTask(JSON.parse(JSON.stringify(task)))) !== JSON.stringify(task))
      throw new WrongResult("a task that was read is read as another");
    family.vectorized([task], 1);
  },
}));
