/** npm run bench: ours and the peers in turns, then docs/benchmarks.md of what was found. See README.md. */
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Executor } from "@innerloop/graph";
import { type CCompiler, findCompiler } from "@innerloop/node";
import { agreement, tolerance } from "./agreement.js";
import { compilerFor, type Engine, pool } from "./engine.js";
import { bareProducts, matmulPeak } from "./floor.js";
import { adaptation, firstStep, type Measured, ourMemory } from "./fresh.js";
import { fastest, goals } from "./goals.js";
import { installed, type PeerEnvironment, type PeerKind, peerKinds, type RunningPeer, startPeer } from "./peers.js";
import { scalingPlot, speedPlot } from "./plot.js";
import { type PolicyResult, policyIterations, policyPeer, policyRow } from "./policies.js";
import { ourLoop, type Problem } from "./problem.js";
import { report } from "./report.js";
import {
  type AdaptationBy,
  type PeerResult,
  type Results,
  type Row,
  readResults,
  type Workers,
  withRows,
  writeWhole,
} from "./results.js";
import { type Contender, takeTurns } from "./rounds.js";
import { scaling } from "./scaling.js";
import { median, ratioSpread, spread } from "./statistics.js";
import { omniglot, type Workload, workloads } from "./workloads.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    only: { type: "string", default: "" },
    peers: { type: "string", default: "" },
    python: { type: "string", default: fileURLToPath(new URL("../../.venv/bin/python", import.meta.url)) },
    engine: { type: "string" },
    patience: { type: "string", default: "240" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    "report-only": { type: "boolean", default: false },
  },
});

const files = {
  results: new URL("../../docs/benchmarks.json", import.meta.url),
  report: new URL("../../docs/benchmarks.md", import.meta.url),
  speed: new URL("../../docs/benchmarks-speed.svg", import.meta.url),
  scaling: new URL("../../docs/benchmarks-scaling.svg", import.meta.url),
};

function writeDocuments(results: Results): void {
  writeWhole(files.report, report(results));
  writeWhole(files.speed, speedPlot(results));
  if (results.sweeps?.length) writeWhole(files.scaling, scalingPlot(results.sweeps));
}

const whole = (text: string, option: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`--${option} ${text}: give a whole number of 1 or more`);
  }
  return value;
};

const cores = availableParallelism();
const rounds = whole(values.rounds ?? (values.quick ? "3" : "7"), "rounds");
const budgetMs = values.quick ? 300 : 1500;
const environment: PeerEnvironment = {
  python: values.python,
  threads: ({ model }) => {
    // The likely one alone where time is short: small products are slower with more threads.
    if (values.quick) return [model === "mlp" ? 1 : cores];
    return cores > 1 ? [cores, 1] : [1];
  },
  patienceMs: 1000 * whole(values.patience, "patience"),
};
const absent: { peer: string; where: string; reason: string }[] = [];
const leaveOut = (kind: PeerKind, where: string, reason: string): void => {
  absent.push({ peer: kind.name, where, reason });
  console.log(`  ${kind.name} is left out: ${reason}`);
};

/** The peers to run: those asked for by name, else all that are there and do not take minutes to compile. */
function chosenPeers(): PeerKind[] {
  const names = values.peers.split(",").filter(Boolean);
  const known = [...peerKinds.map(({ key }) => key), policyPeer.key, "none"];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`--peers ${unknown.join(",")}: choose from ${known.join(", ")}`);
  }
  const wanted = peerKinds.filter(({ key, slow }) => (names.length > 0 ? names.includes(key) : !slow));
  const there = wanted.filter((kind) => installed(kind, environment));
  for (const kind of wanted)
    if (!there.includes(kind)) leaveOut(kind, "everywhere", "its environment is not installed");
  if (there.length < wanted.length) console.log("bash bench/peers/setup.sh installs the peers, in .venv.");
  return there;
}

/** What peers/peer_protocol.py takes too. */
const warmupMs = 2000;

/** Peers that are warm and have been seen to compute our gradient. */
async function readyPeers(kinds: readonly PeerKind[], { name, problem }: Workload, executor: Executor) {
  const ready: (RunningPeer & Pick<PeerResult, "agreement">)[] = [];
  for (const kind of kinds) {
    const refused = kind.refuses?.(problem);
    if (refused !== undefined) continue;
    let running: RunningPeer | undefined;
    try {
      running = await startPeer(kind, problem, environment);
      const found = await agreement(problem, running.peer, executor);
      if (found.median >= tolerance)
        throw new Error(`its gradient differs from ours by ${found.median.toExponential(1)}`);
      ready.push({ ...running, agreement: found });
    } catch (error) {
      await running?.peer.quit();
      leaveOut(kind, name, error instanceof Error ? error.message : String(error));
    }
  }
  return ready;
}

/** Our loop, warm, with the milliseconds that a step of it takes. */
async function warmLoop(problem: Problem, executor: Executor) {
  const loop = await ourLoop(problem, executor);
  // As long as the peers warm up: what JavaScript does is compiled on the way.
  const first = median(await loop.run(3));
  return { loop, expectedMs: median(await loop.run(Math.max(2, Math.ceil(warmupMs / first)))) };
}

/** The executors of a run: ours, and onnxruntime, which may be the same. */
interface Executors {
  readonly engine: Engine;
  readonly ours: Executor;
  readonly onnxruntime: Executor;
}

async function measured(workload: Workload, kinds: readonly PeerKind[], executors: Executors): Promise<Row> {
  const { key, name, problem } = workload;
  const { engine, ours: executor, onnxruntime } = executors;
  console.log(`\n${name}`);
  const memory = workload.memory ? await ourMemory({ problem, engine }) : undefined;
  const { loop, expectedMs } = await warmLoop(problem, executor);
  const other = engine === "native" ? await warmLoop(problem, onnxruntime) : undefined;
  const [peak, products] = [await matmulPeak(onnxruntime), await bareProducts(problem, loop.chunkSize, onnxruntime)];
  const ready = await readyPeers(kinds, workload, executor);
  const repeated = (once: () => Promise<number>) => async (repeats: number) => {
    const found: number[] = [];
    for (let i = 0; i < repeats; i++) found.push(await once());
    return found;
  };
  const contenders: Contender[] = [
    { key: "peak", expectedMs: budgetMs, run: repeated(peak) },
    { key: "products", expectedMs, run: repeated(products) },
    { key: "innerloop", expectedMs, run: loop.run },
    ...(other ? [{ key: "onnxruntime", expectedMs: other.expectedMs, run: other.loop.run }] : []),
    ...ready.map(({ kind, peer }) => ({
      key: kind.key,
      expectedMs: peer.header.milliseconds,
      run: (repeats: number) => peer.round(repeats),
      onFailure: (error: Error) => leaveOut(kind, name, error.message),
    })),
  ];
  const found = await takeTurns(contenders, { rounds, budgetMs });
  const ours = found.innerloop!;
  const chunks = problem.tasks / loop.chunkSize;
  const [gflop, productGflop] = [loop.chunk.operations, loop.chunk.matmulOperations].map((n) => (n * chunks) / 1e9) as [
    number,
    number,
  ];
  const floors = found.peak!.map((gflops) => (1000 * productGflop) / gflops);
  const lasted = ready.filter(({ kind }) => found[kind.key] !== undefined);
  const peers = lasted.map(({ kind, peer, agreement: gradient }): PeerResult => {
    const milliseconds = found[kind.key]!;
    const { header } = peer;
    return {
      key: kind.key,
      name: kind.name,
      threads: header.threads,
      milliseconds: spread(milliseconds),
      ratio: ratioSpread(milliseconds, ours),
      agreement: gradient,
      firstMilliseconds: header.firstMilliseconds,
      peakBytes: header.peakBytes,
      versions: header.versions,
    };
  });
  for (const { peer } of ready) await peer.quit();
  const row: Row = {
    key,
    name,
    chunkSize: loop.chunkSize,
    gflop,
    productGflop,
    peak: spread(found.peak!),
    ours: spread(ours),
    ...(other
      ? {
          onnxruntime: {
            milliseconds: spread(found.onnxruntime!),
            ratio: ratioSpread(found.onnxruntime!, ours),
            chunkSize: other.loop.chunkSize,
          },
        }
      : {}),
    overFloor: ratioSpread(ours, floors),
    overProducts: ratioSpread(ours, found.products!),
    peers,
    ...(memory ? { memory } : {}),
  };
  printRow(row);
  return row;
}

function printRow({ ours, onnxruntime, overFloor, overProducts, peers }: Row): void {
  const print = (label: string, { median: middle, low, high }: Row["ours"], more: string): void => {
    const time = `${middle.toFixed(2).padStart(9)} ms (${low.toFixed(2)} to ${high.toFixed(2)})`;
    console.log(`  ${label.padEnd(32)} ${time}  ${more}`);
  };
  const floor = `${overFloor.median.toFixed(2)} x its products at the peak, ${overProducts.median.toFixed(2)} x the products alone`;
  print("innerloop", ours, floor);
  if (onnxruntime)
    print("innerloop on onnxruntime", onnxruntime.milliseconds, `${onnxruntime.ratio.median.toFixed(2)} x native`);
  for (const { name, milliseconds, ratio, threads, agreement: gradient } of peers) {
    const gap = gradient.median.toExponential(1);
    print(name, milliseconds, `${ratio.median.toFixed(2)} x ours; ${threads} threads; gradient within ${gap}`);
  }
}

/** Iterations of policies, beside PyTorch's where it is there. */
async function measuredPolicies(executor: Executor): Promise<PolicyResult> {
  console.log(`\n${policyRow.name}`);
  const leaveOut = (reason: string): void => {
    absent.push({ peer: policyPeer.name, where: policyRow.name, reason });
    console.log(`  ${policyPeer.name} is left out: ${reason}`);
  };
  const names = values.peers.split(",").filter(Boolean);
  const wanted = names.length === 0 || names.includes(policyPeer.key);
  const there = wanted && existsSync(environment.python);
  if (wanted && !there) leaveOut("its environment is not installed");
  const { python, patienceMs } = environment;
  const threads = there ? [...new Set([1, cores])] : [];
  const found = await policyIterations({ rounds, budgetMs, python, threads, patienceMs, leaveOut }, executor);
  const line = (name: string, { median: middle, low, high }: PolicyResult["ours"], more = ""): void =>
    console.log(`  ${name.padEnd(32)} ${middle.toFixed(0)} ms (${low.toFixed(0)} to ${high.toFixed(0)})${more}`);
  const { peer } = found;
  line("innerloop", found.ours);
  line("innerloop, products on a quarter", found.quarter);
  if (peer) {
    const [all, quarter] = [peer.ratio, peer.ratioToQuarter].map(({ median: middle }) => middle.toFixed(2));
    line(peer.name, peer.milliseconds, `  ${all} and ${quarter} x ours; ${peer.threads} threads`);
  }
  return found;
}

/** One worker and two, on chunks of one size. */
async function twoWorkers(problem: Problem, name: string, compiler: CCompiler | undefined): Promise<Workers> {
  const pools = [pool(compiler, 1), pool(compiler, 2)] as const;
  const two = await ourLoop(problem, pools[1]);
  const one = await ourLoop(problem, pools[0], two.chunkSize);
  const expectedMs = median(await one.run(3));
  await two.run(3);
  const found = await takeTurns(
    [
      { key: "one", expectedMs, run: one.run },
      { key: "two", expectedMs, run: two.run },
    ],
    { rounds, budgetMs },
  );
  await Promise.all(pools.map((each) => each.close()));
  const speedup = ratioSpread(found.one!, found.two!);
  return { name, one: spread(found.one!), two: spread(found.two!), speedup };
}

const versionIn = (path: string): string =>
  (JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as { version: string }).version;

function versions(peers: readonly Pick<PeerResult, "versions">[]): Record<string, string> {
  const theirs = peers.flatMap((peer) => Object.entries(peer.versions));
  const { node: _, backend: __, ...others } = Object.fromEntries(theirs);
  const own = {
    innerloop: versionIn("../../packages/innerloop/package.json"),
    "onnxruntime-node": versionIn("../../node_modules/onnxruntime-node/package.json"),
    Node: process.versions.node,
  };
  return { ...own, ...others };
}

/** Native programs where there is a compiler, unless `--engine` says something else. */
async function chosenEngine(): Promise<Engine> {
  const { engine } = values;
  if (engine === undefined) return (await findCompiler()) ? "native" : "onnxruntime";
  if (engine === "native" || engine === "onnxruntime") return engine;
  throw new Error(`--engine ${engine}: choose native or onnxruntime`);
}

const adaptationBy = async (measuredWith: Measured, starts: number): Promise<AdaptationBy> => ({
  pool: await adaptation(measuredWith, "pool", starts),
  thread: await adaptation(measuredWith, "thread", starts),
});

async function bench(): Promise<void> {
  const load = loadavg()[0]!;
  const chosen = workloads.filter(({ key }) => key.includes(values.only));
  const withPolicies = policyRow.key.includes(values.only);
  if (chosen.length === 0 && !withPolicies) {
    const keys = [...workloads.map(({ key }) => key), policyRow.key];
    throw new Error(`--only ${values.only}: choose part of ${keys.join(", ")}`);
  }
  const complete = values.only === "";
  if (values.write && !complete && withPolicies)
    throw new Error(`--write: ${policyRow.key} is published with everything; leave --only away`);
  console.log(`innerloop bench: ${cpus()[0]?.model.trim()} x ${cores}, Node ${process.version}, ${rounds} rounds`);
  const kinds = chosenPeers();
  const engine = await chosenEngine();
  const compiler = await compilerFor(engine);
  console.log(`ours: ${compiler ? `native programs of ${compiler.version}` : "onnxruntime"}`);
  const executor = pool(compiler, cores);
  const onnxruntime = engine === "native" ? pool(undefined, cores) : executor;
  const rows: Row[] = [];
  for (const workload of chosen) rows.push(await measured(workload, kinds, { engine, ours: executor, onnxruntime }));
  const policies = withPolicies ? await measuredPolicies(executor) : undefined;
  let rest: Partial<Results> = {};
  if (complete) {
    console.log("\nTwo workers, new tasks, first steps, cost against size");
    const starts = values.quick ? 2 : 7;
    const task: Problem = { ...omniglot, steps: 5 };
    const base = rows.find(({ key }) => key === "omniglot-1");
    const best = base && fastest(base);
    // Each setting is compiled anew by it: not where time is short.
    const kind = values.quick ? undefined : kinds.find(({ key }) => key === best?.key);
    const onFailure = (where: string, error: Error): void => leaveOut(kind!, where, error.message);
    rest = {
      workers: await twoWorkers(omniglot, "Omniglot, 1 step", compiler),
      adaptation: await adaptationBy({ problem: task, engine }, starts),
      ...(engine === "native"
        ? { adaptationByOnnxruntime: await adaptationBy({ problem: task, engine: "onnxruntime" }, starts) }
        : {}),
      firstStep: await firstStep({ problem: task, engine }, starts),
      sweeps: await scaling(executor, rounds, kind && { kind, on: environment, onFailure }),
    };
  }
  await Promise.all([executor.close(), onnxruntime.close()]);
  const results: Results = {
    date: new Date().toISOString(),
    machine: {
      processor: cpus()[0]?.model.trim() ?? "unknown processor",
      cores,
      memoryGiB: totalmem() / 2 ** 30,
      system: `${type()} ${release()}`,
      load,
    },
    versions: versions([...rows.flatMap(({ peers }) => peers), ...(policies?.peer ? [policies.peer] : [])]),
    engine: compiler ? `native programs of ${compiler.version}` : "onnxruntime",
    command: ["npm run bench", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])].join(" "),
    rounds,
    rows,
    absent,
    ...(policies ? { policies } : {}),
    ...rest,
  };
  console.log("");
  for (const { what, goal, found, met } of goals(results)) {
    const verdict = met === undefined ? "       " : met ? "met    " : "NOT MET";
    console.log(`${verdict} ${what}: ${goal}: ${found}`);
  }
  if (values.json) console.log(JSON.stringify(results));
  // What is published is whole: every row, every peer that can be had, enough rounds.
  if ((complete && !values.quick && values.peers === "" && kinds.length > 0) || values.write) {
    const published = complete ? results : withRows(readResults(files.results), results);
    writeWhole(files.results, `${JSON.stringify(published, undefined, 1)}\n`);
    writeDocuments(published);
    console.log("\nWrote docs/benchmarks.json, docs/benchmarks.md and its plots.");
  } else console.log("\ndocs/benchmarks.md is as it was: a run of everything writes it, or --write.");
}

try {
  if (values["report-only"]) writeDocuments(readResults(files.results));
  else await bench();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
