import type { Executor } from "@innerloop/graph";
import { type PeerEnvironment, type PeerKind, startPeer } from "./peers.js";
import { ourLoop, type Problem } from "./problem.js";
import { type Contender, takeTurns } from "./rounds.js";
import { fitLine, type Line, median } from "./statistics.js";
import { omniglot } from "./workloads.js";

/** Cost of a meta-step against one quantity, all others fixed. */
export interface Sweep {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [x: number, milliseconds: number])[];
    readonly line: Line;
  }[];
}

interface SweepPlan {
  readonly title: string;
  readonly unit: string;
  /** The settings, each with its place on the axis; by default the quantity itself. */
  readonly settings: readonly (readonly [x: number | "GFLOP", problem: Problem])[];
}

const base: Problem = { ...omniglot, tasks: 16 };
const over = <K extends keyof Problem>(field: K, values: readonly (Problem[K] & number)[]) =>
  values.map((value): readonly [number, Problem] => [value, { ...base, [field]: value }]);

const plans: readonly SweepPlan[] = [
  { title: "tasks", unit: "tasks", settings: over("tasks", [8, 16, 24, 32, 48]) },
  { title: "inner steps", unit: "steps", settings: over("steps", [1, 2, 3, 4, 6]) },
  { title: "shots", unit: "support examples a class", settings: over("shots", [1, 2, 4, 6, 8]) },
  // Products grow with the square of the width: the axis is what they amount to.
  {
    title: "width (16 to 96 filters)",
    unit: "GFLOP of a meta-step",
    settings: [16, 32, 48, 64, 96].map((filters) => ["GFLOP", { ...base, filters }]),
  },
];

/** A peer to measure beside us, and who is told where it fails. */
interface Beside {
  readonly kind: PeerKind;
  readonly on: PeerEnvironment;
  readonly onFailure: (where: string, error: Error) => void;
}

/** Times the sweeps on Omniglot with 16 tasks, 1 step, second order; beside us the peer that is given, if any. */
export async function scaling(executor: Executor, rounds: number, beside: Beside | undefined): Promise<Sweep[]> {
  const sweeps: Sweep[] = [];
  for (const { title, unit, settings } of plans) {
    const ours: [number, number][] = [];
    const theirs: [number, number][] = [];
    for (const [place, problem] of settings) {
      const loop = await ourLoop(problem, executor);
      const x = place === "GFLOP" ? (loop.chunk.operations * problem.tasks) / loop.chunkSize / 1e9 : place;
      const onFailure = (error: Error): void => beside?.onFailure(`cost against ${title}, at ${x}`, error);
      const running = await (beside && startPeer(beside.kind, problem, beside.on).catch(onFailure));
      const contenders: Contender[] = [{ key: "ours", expectedMs: median(await loop.run(3)), run: loop.run }];
      if (running) {
        const { peer } = running;
        contenders.push({ key: "peer", expectedMs: peer.header.milliseconds, run: (n) => peer.round(n), onFailure });
      }
      const times = await takeTurns(contenders, { rounds, budgetMs: 400 });
      ours.push([x, median(times.ours!)]);
      if (times.peer) theirs.push([x, median(times.peer)]);
      await running?.peer.quit();
    }
    const series = [{ name: "innerloop", points: ours, line: fitLine(ours) }];
    // A line through two points says nothing.
    if (beside && theirs.length > 2) series.push({ name: beside.kind.name, points: theirs, line: fitLine(theirs) });
    sweeps.push({ title, unit, series });
  }
  return sweeps;
}
