import { fastest, goals } from "./goals.js";
import type { PolicyResult } from "./policies.js";
import type { PeerResult, Results, Row } from "./results.js";
import type { Spread } from "./statistics.js";
import { protocols } from "./workloads.js";

const ms = (value: number): string =>
  value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
const range = ({ median, low, high }: Spread, show: (value: number) => string): string =>
  `${show(median)} (${show(low)} to ${show(high)})`;
const times = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(0));
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[]): string => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [cells(head), cells(head.map(() => "---")), ...rows.map(cells)].join("\n");
}

const peerRow = (peer: PeerResult): string[] => [
  peer.name,
  range(peer.milliseconds, ms),
  range(peer.ratio, times),
  String(peer.threads),
  peer.agreement.median.toExponential(1),
];

function rowSection(row: Row): string {
  const lines = table(
    ["", "ms a meta-step", "times our time", "threads", "gradient differs by"],
    [
      ["**innerloop**", range(row.ours, ms), "1", "", ""],
      ...(row.onnxruntime
        ? [
            [
              "innerloop on onnxruntime",
              range(row.onnxruntime.milliseconds, ms),
              range(row.onnxruntime.ratio, times),
              "",
              "",
            ],
          ]
        : []),
      ...[...row.peers].sort((a, b) => a.ratio.median - b.ratio.median).map(peerRow),
    ],
  );
  const rate = row.gflop / (row.ours.median / 1000);
  const facts = [
    `${row.gflop.toFixed(2)} GFLOP, of which ${row.productGflop.toFixed(2)} in matrix products; ${rate.toFixed(0)} GFLOP/s of a peak of ${range(row.peak, (value) => value.toFixed(0))}.`,
    `${range(row.overFloor, times)} times its matrix products at that peak; ${range(row.overProducts, times)} times the very same products run alone by onnxruntime.`,
    `Chunks of ${row.chunkSize} task${row.chunkSize === 1 ? "" : "s"}.`,
    ...(row.anew
      ? [
          `Measured after all others, on ${row.anew.date.slice(0, 10)} by \`${row.anew.command}\`, ${row.anew.rounds} rounds, at a load of ${row.anew.load.toFixed(2)} before the start.`,
        ]
      : []),
  ];
  return `### ${row.name}\n\n${lines}\n\n${facts.join(" ")}${row.memory ? `\n\n${memorySection(row)}` : ""}`;
}

function memorySection({ memory, peers }: Row): string {
  const rows = [...peers]
    .sort((a, b) => a.peakBytes - b.peakBytes)
    .map((peer) => [peer.name, mebibytes(peer.peakBytes)]);
  const { peakBytes, expectedBytes } = memory!;
  const expected = expectedBytes === undefined ? "" : `; ${mebibytes(expectedBytes)} expected before it ran`;
  const ours = ["**innerloop**", `${mebibytes(peakBytes)}, workers included${expected}`];
  return `Peak resident memory of the process:\n\n${table(["", "memory"], [ours, ...rows])}`;
}

/** A warning where others had used the machine before the run: they may have gone on. */
const busy = ({ load, cores }: Results["machine"]): string =>
  load > 0.25 * cores
    ? `\n**The machine was busy with other work (load ${load.toFixed(2)} on ${cores} cores): these figures show that the bench runs, not how fast anything is.**\n`
    : "";

/** Iterations of policies: episodes and the update. */
function policySection({ name, ours, quarter, peer }: PolicyResult): string {
  const lines = [
    ["innerloop", range(ours, ms), peer ? range(peer.ratio, times) : ""],
    [
      "innerloop, products on a quarter of the episodes",
      range(quarter, ms),
      peer ? range(peer.ratioToQuarter, times) : "",
    ],
    ...(peer
      ? [
          [
            `${peer.name}; ${peer.threads} thread${peer.threads === 1 ? "" : "s"}, gradient within ${peer.agreement.median.toExponential(1)}`,
            range(peer.milliseconds, ms),
            "",
          ],
        ]
      : []),
  ];
  return `## Policies: ${name}

An iteration: 20 tasks of 20 episodes of 100 steps before and after one inner step, and the outer update with ten products.

${table(["", "ms an iteration", "PyTorch takes times that"], lines)}`;
}

/** docs/benchmarks.md, of one run's results and nothing else. */
export function report(results: Results): string {
  const { machine, versions, rows, absent, policies, adaptation, firstStep, workers, sweeps } = results;
  const list = goals(results);
  const verdict = (met: boolean | undefined): string => (met === undefined ? "-" : met ? "met" : "**not met**");
  const met = list.filter((goal) => goal.met).length;
  const sections = [
    `# Benchmarks

Written by \`${results.command}\`; not edited by hand. All contenders took turns within one run on the same cores,
${results.rounds} round${results.rounds === 1 ? "" : "s"}. A figure is the median over rounds of each round's median step, after as many that do not count, with the
lowest and the highest round; a ratio is taken within each round. [How to run it](../bench/README.md).
${busy(machine)}
- ${results.date.slice(0, 10)}; ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB.toFixed(0)} GiB, ${machine.system}; average load before the start ${machine.load.toFixed(2)}
- ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}
- innerloop: ${results.engine}, with one worker of one thread for each core. A step is sampling, meta-gradient and Adam; the
  peers' steps leave sampling out.
- Peers run warm and compiled, with all cores or one thread (in the tables), whichever was faster when both were tried; a
  quick run tries only the likely one.
- Each peer first computed the meta-gradient of the same parameters and tasks as we did: the tables show |a - b| / |b|, the
  largest over parameters, median of five tasks; it must be below 1e-3. Where images are many or large, the same programs
  were compared on fewer and smaller ones: at 84 x 84 float32 itself is off by more.`,
    protocols.map((line) => `- ${line}`).join("\n"),
    "![Time of a meta-step in other libraries, as a multiple of innerloop's](benchmarks-speed.svg)",
    `## Goals: ${met} of ${list.length} met\n\n${table(
      ["work", "goal", "found", ""],
      list.map((goal) => [goal.what, goal.goal, goal.found, verdict(goal.met)]),
    )}`,
    `## Fastest peer of each row\n\n${table(
      ["", "innerloop, ms", "on onnxruntime, ms", "fastest peer", "ms", "times our time"],
      rows.map((row) => {
        const best = fastest(row);
        const theirs = best
          ? [best.name, ms(best.milliseconds.median), range(best.ratio, times)]
          : ["none ran", "", ""];
        const other = row.onnxruntime ? ms(row.onnxruntime.milliseconds.median) : "";
        return [row.name, ms(row.ours.median), other, ...theirs];
      }),
    )}`,
    `## Meta-steps\n\n${rows.map(rowSection).join("\n\n")}`,
  ];
  if (policies) sections.push(policySection(policies));
  if (workers) {
    sections.push(
      `## Two workers against one\n\n${workers.name}: ${range(workers.one, ms)} ms with one, ${range(workers.two, ms)} ms with two: ${range(workers.speedup, times)} times faster.`,
    );
  }
  if (adaptation) {
    const { adaptationByOnnxruntime: other } = results;
    const line = (name: string, { warm, start }: typeof adaptation.pool): string[] => [
      name,
      range(warm, ms),
      range(start.cached, ms),
      range(start.cold, ms),
    ];
    sections.push(
      `## A new task: adapt and predict

Omniglot conv4-64, 5-way 1-shot, 5 steps on the support set, then 5 predictions, in milliseconds; the whole way is one
compiled function. "Start" is from the start of a Node process to its first prediction.

${table(
  ["", "warm", "start, models cached", "start, empty cache"],
  [
    line("in workers", adaptation.pool),
    line("beside the calling thread", adaptation.thread),
    ...(other
      ? [line("in workers, onnxruntime", other.pool), line("in the calling thread, onnxruntime", other.thread)]
      : []),
  ],
)}`,
    );
  }
  if (firstStep) {
    sections.push(
      `## From trace to first step\n\nOmniglot, 5 steps, second order, 32 tasks, in a new process, its own start not counted: ${range(firstStep.cold, ms)} ms with an empty cache of compiled models, ${range(firstStep.cached, ms)} ms from the cache.`,
    );
  }
  if (sweeps?.length) {
    const lines = sweeps.flatMap(({ title, series }) =>
      series.map(({ name, line }) => [
        title,
        name,
        `${ms(line.intercept)} + ${line.slope.toPrecision(3)} x`,
        line.r2.toFixed(4),
      ]),
    );
    sections.push(
      `## Cost against size\n\nOmniglot, second order; 16 tasks, 1 step, 1 shot and 64 filters where they do not vary.\n\n![Cost of a meta-step against tasks, inner steps, shots and width](benchmarks-scaling.svg)\n\n${table(["x", "", "fitted ms", "R^2"], lines)}`,
    );
  }
  const reasons = absent.map(({ peer, where, reason }) => [peer, where, reason.replaceAll("\n", " ").slice(0, 300)]);
  const missing =
    "tfjs-node (TensorFlow.js on TensorFlow's C library) fetches that library from outside the package registry when it is\ninstalled; where that is blocked it cannot be had, and the WebAssembly and JavaScript backends stand for TensorFlow.js.";
  sections.push(
    `## What did not run\n\n${missing}\n\n${reasons.length ? table(["peer", "where", "reason"], reasons) : "All other peers ran everywhere."}`,
  );
  return `${sections.join("\n\n")}\n`;
}
