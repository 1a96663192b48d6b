/** Times the second-order meta-step beside its bare matrix products and, where it is installed, PyTorch. See README.md. */
import { existsSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  compile,
  type Executor,
  estimateModel,
  leaves,
  lower,
  matmul,
  type Tensor,
  type Tree,
  tensor,
  trace,
} from "@innerloop/graph";
import { workerPoolExecutor } from "@innerloop/node";
import { sampleTasks, taskKeys } from "innerloop";
import { Peer } from "./peer.js";
import { ourLoop, peerNames, sharedProblem, type Workload, workloads } from "./workloads.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    peers: { type: "string", default: "loop,func" },
    python: { type: "string", default: fileURLToPath(new URL("../../.venv/bin/python", import.meta.url)) },
    json: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const cores = availableParallelism();
const executor = workerPoolExecutor({ workers: cores });
const { python } = values;
const script = fileURLToPath(new URL("../peers/torch_maml.py", import.meta.url));
const variants = existsSync(python) ? values.peers.split(",").filter(Boolean) : [];

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;

/** GFLOP/s of 1024^3 products, one in each worker at the same time. */
async function matmulPeak(on: Executor): Promise<number> {
  const size = 1024;
  const a = tensor(new Float32Array(size * size).fill(0.01), [size, size]);
  const product = await compile((x: Tensor, y: Tensor) => matmul(x, y), { executor: on }).prepare(a, a);
  const all = () => Promise.all(Array.from({ length: on.parallelism }, () => product.run(a, a)));
  await all();
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    await all();
    times.push(performance.now() - start);
  }
  return (2 * size ** 3 * on.parallelism) / median(times) / 1e6;
}

/** Trace to loaded session, and the cost of one chunk's gradient. */
async function compiled(
  workload: Workload,
): Promise<{ milliseconds: number; operations: number; matmulOperations: number; peakBytes: number }> {
  const { gradient, params } = sharedProblem(workload);
  const tasks = sampleTasks(workload.tasks, 1, 0, workload.chunkSize);
  const args = [params, { tasks, keys: taskKeys(1, 0, workload.chunkSize) }] as unknown as [Tree, never];
  const fresh = workerPoolExecutor({ workers: 1 });
  // The worker is started first: its start is paid once a process, not once a graph.
  await matmulPeak(fresh);
  const start = performance.now();
  await compile(gradient as (params: Tree, batch: never) => Tree, { executor: fresh }).prepare(...args);
  const milliseconds = performance.now() - start;
  const estimate = estimateModel(
    lower(trace(gradient as (params: Tree, batch: never) => Tree, args).graph, fresh.profile),
  );
  await fresh.close();
  return { milliseconds, ...estimate };
}

/** The largest difference of two gradients of one problem, relative to the largest entry of its array. */
async function disagreement(workload: Workload, peer: Peer): Promise<number> {
  const problem = sharedProblem(workload);
  const run = compile(problem.gradient as unknown as (params: Tree, batch: Tree) => Tree, { executor });
  const ours = (await run(problem.params, problem.batch as unknown as Tree)) as unknown as { gradient: Tree };
  const theirs = (await peer.ask({ command: "gradient", ...problem.forPeer })) as { gradient: Record<string, unknown> };
  const names = peerNames(workload.family);
  const expected = names.map((name) => [theirs.gradient[name]].flat(9) as number[]);
  const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));
  // What is zero but for rounding - the biases before batch normalisation - is measured by the gradient as a whole.
  const least = 1e-3 * Math.max(...expected.map(largest));
  return Math.max(
    ...leaves(ours.gradient).map((leaf, i) => {
      const differences = expected[i]!.map((value, at) => value - Number(leaf.data![at]));
      return largest(differences) / Math.max(least, largest(expected[i]!));
    }),
  );
}

console.log(
  `innerloop bench: ${cpus()[0]?.model.trim()} x ${cores}, Node ${process.version}, onnxruntime with ${cores} workers of 1 thread`,
);
if (variants.length === 0)
  console.log("PyTorch is not installed here: bash bench/peers/setup.sh puts it in .venv. Ours alone:");

const report: Record<string, unknown>[] = [];
for (const workload of workloads(cores).filter((one) => one.name.includes(values.only))) {
  console.log(`\n${workload.name}`);
  const cost = await compiled(workload);
  const loop = ourLoop(workload, executor);
  const peers = new Map<string, Peer>();
  for (const variant of variants) {
    const args = [
      script,
      "--workload",
      workload.family,
      "--steps",
      String(workload.steps),
      "--variant",
      variant,
      "--threads",
      String(cores),
    ];
    try {
      peers.set(variant, await Peer.start(python, args));
    } catch (error) {
      console.log(`  PyTorch (${variant}) does not run: ${error instanceof Error ? error.message : error}`);
    }
  }
  for (const [variant, peer] of peers) {
    const difference = await disagreement(workload, peer);
    console.log(
      `  same gradient as PyTorch (${variant}) on the same numbers: largest difference ${difference.toExponential(1)}`,
    );
    if (!(difference < 1e-3)) throw new Error("the peer computes something else");
  }
  const times = new Map<string, number[]>([
    ["innerloop", []],
    ...[...peers.keys()].map((name): [string, number[]] => [name, []]),
  ]);
  const peaks: number[] = [];
  // Short steps are repeated more often, so that a round is long enough to settle.
  const [repeats, peerRepeats] = workload.family === "sinusoid" ? [100, 10] : [6, 3];
  await loop(5);
  for (let round = 0; round < rounds; round++) {
    peaks.push(await matmulPeak(executor));
    times.get("innerloop")!.push(...(await loop(repeats)));
    for (const [name, peer] of peers) {
      const { milliseconds } = (await peer.ask({ command: "round", repeats: peerRepeats })) as {
        milliseconds: number[];
      };
      times.get(name)!.push(...milliseconds);
    }
  }
  const ours = median(times.get("innerloop")!);
  const chunks = workload.metaBatchSize / workload.chunkSize;
  const peak = median(peaks);
  const gflops = (cost.operations * chunks) / ours / 1e6;
  const floor = (cost.matmulOperations * chunks) / peak / 1e6;
  for (const [name, list] of times) {
    const sorted = [...list].sort((a, b) => a - b);
    const label =
      name === "innerloop"
        ? "innerloop"
        : `PyTorch ${peers.get(name)!.header.torch ?? ""} ${name === "loop" ? "task by task" : "torch.func vmap"}`;
    const ratio = name === "innerloop" ? "" : `   ${(median(list) / ours).toFixed(1)} x our time`;
    console.log(
      `  ${label.padEnd(34)} ${median(list).toFixed(2).padStart(9)} ms a meta-step (${sorted[0]!.toFixed(2)} to ${sorted.at(-1)!.toFixed(2)})${ratio}`,
    );
  }
  console.log(
    `  ${(gflops).toFixed(1)} GFLOP/s, ${((100 * gflops) / peak).toFixed(0)}% of the matmul peak of ${peak.toFixed(0)}; ${(ours / floor).toFixed(2)} times its bare matrix products (${floor.toFixed(2)} ms)`,
  );
  console.log(
    `  trace to session ${cost.milliseconds.toFixed(0)} ms; arrays of one run of ${workload.chunkSize} tasks ${(cost.peakBytes / 2 ** 20).toFixed(1)} MB by the estimate`,
  );
  report.push({
    name: workload.name,
    milliseconds: Object.fromEntries([...times].map(([name, list]) => [name, median(list)])),
    gflops,
    peak,
    floor,
    compileMilliseconds: cost.milliseconds,
  });
  for (const peer of peers.values()) await peer.quit();
}
if (values.json) console.log(JSON.stringify(report));
await executor.close();
