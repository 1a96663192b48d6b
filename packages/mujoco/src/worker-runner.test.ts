import { execFileSync } from "node:child_process";
import type { Worker } from "node:worker_threads";
import type { VectorEnvironment } from "@innerloop/core/reinforcement";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ant } from "./ant.js";
import { halfCheetah } from "./half-cheetah.js";

/** The worker threads that were started, as Node tells of them. */
let workers: Worker[] = [];
const remember = (worker: Worker): void => void workers.push(worker);

beforeEach(() => {
  workers = [];
  process.on("worker", remember);
});
afterEach(() => {
  process.off("worker", remember);
});

const tasks = [-2, -1, 0, 1, 2].map((velocity) => ({ velocity }));
const addresses = (rows: number) => Array.from({ length: rows }, (_, row) => [9, row] as const);

/** Eight steps of all rows; `meanwhile` is called while each of them runs. */
async function episodes(environment: VectorEnvironment, actions: number, meanwhile?: (step: number) => unknown) {
  const { rows } = environment;
  await environment.reset(addresses(rows));
  for (let step = 0; step < 8; step++) {
    const chosen = Float32Array.from({ length: rows * actions }, (_, i) => Math.sin(i * 0.7 + step));
    const stepped = environment.step(chosen);
    await meanwhile?.(step);
    await stepped;
  }
  return environment.state();
}

const made = {
  "half-cheetah": (count: number) => halfCheetah({ goal: "velocity", workers: count }),
  ant: (count: number) => ant({ goal: "velocity", workers: count }),
};

describe.each(Object.entries(made))("%s on workers", (_, make) => {
  test("1, 2 and 3 workers and this thread give the same bits", async () => {
    const states: Float64Array[] = [];
    for (const count of [0, 1, 2, 3]) {
      const family = make(count);
      const environment = family.vectorized(tasks, 2);
      states.push(await episodes(environment, family.settings.body === "ant" ? 8 : 6));
      await family.close();
    }
    expect(workers).toHaveLength(6);
    for (const state of states) expect(state).toEqual(states[0]);
    expect(new Set(states[0]).size).toBeGreaterThan(100);
  });
});

describe("workers", () => {
  test("are shared by the environments of a family, which run side by side", async () => {
    const family = made["half-cheetah"](2);
    const alone = await episodes(family.vectorized(tasks, 2), 6);
    const both = await Promise.all(
      [family.vectorized(tasks, 2), family.vectorized(tasks, 2)].map((each) => episodes(each, 6)),
    );
    expect(both).toEqual([alone, alone]);
    expect(workers).toHaveLength(2);
    const first = family.vectorized(tasks, 2);
    await first.reset(addresses(10));
    await first.close();
    expect(await episodes(family.vectorized(tasks, 2), 6)).toEqual(alone);
    await family.close();
  });

  test("that die in an episode are replaced, and the step is done again with the same bits", async () => {
    const family = ant({ goal: "velocity", protocol: "pytorch-maml-rl", workers: 2 });
    // 100 rows of 0.3 ms: there is time to die in.
    const open = () => family.vectorized(tasks, 20);
    const expected = await episodes(open(), 8);
    const found = await episodes(open(), 8, async (step) => {
      if (step === 3) await workers[0]!.terminate();
      if (step === 5) {
        await new Promise(setImmediate);
        await workers[1]!.terminate();
      }
    });
    expect(found).toEqual(expected);
    expect(workers).toHaveLength(4);
    await family.close();
  });

  test("that die again over the same step are an error, after which the step can be asked for again", async () => {
    const family = made["half-cheetah"](1);
    const environment = family.vectorized(tasks, 2);
    const expected = await episodes(environment, 6);
    await environment.reset(addresses(10));
    const kill = (worker: Worker): void => void worker.terminate();
    process.on("worker", kill);
    const state = environment.state();
    try {
      kill(workers[0]!);
      await expect(environment.step(new Float32Array(60))).rejects.toThrow(
        /^ILE302 half-cheetah-velocity: a worker thread of the simulation died, and so did its replacement/,
      );
    } finally {
      process.off("worker", kill);
    }
    expect(environment.state()).toEqual(state);
    expect(await episodes(environment, 6)).toEqual(expected);
    await family.close();
  });

  test("end with their family, also in the middle of a step", async () => {
    const family = made.ant(2);
    const environment = family.vectorized(tasks, 2);
    await environment.reset(addresses(10));
    const step = environment.step(new Float32Array(80));
    const ends = workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
    const settled = step.catch((error) => error);
    await family.close();
    await Promise.all(ends);
    // Either it had been done, or it is told what became of it.
    expect([undefined, "ILE204"]).toContain(((await settled) as { code?: string } | undefined)?.code);
    await expect(environment.step(new Float32Array(80))).rejects.toMatchObject({ code: "ILE204" });
  });

  test("that wait do not keep a process alive, and those that work do", () => {
    const script = `
      const { halfCheetah } = await import(${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)});
      const family = halfCheetah({ goal: "direction", workers: 2 });
      const environment = family.vectorized([{ direction: 1 }], 4);
      const step = () => environment.step(new Float32Array(24));
      environment.reset([[1, 0], [1, 1], [1, 2], [1, 3]]).then(step).then(() => console.log(environment.rewards.length));
    `;
    const run = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(run).toBe("4\n");
  });
});
