import type { PeerResult, Results, Row } from "./results.js";

/** A promise of ours, and what a run found. */
export interface Goal {
  readonly what: string;
  readonly goal: string;
  /** The figure as measured, or why there is none. */
  readonly found: string;
  readonly met: boolean | undefined;
}

/** A number with two digits behind the point, and never rounded to the side of the goal. */
export function figure(value: number, goal: number, side: "least" | "most"): string {
  const text = value.toFixed(2);
  const met = side === "least" ? value >= goal : value <= goal;
  const shown = side === "least" ? Number(text) >= goal : Number(text) <= goal;
  return met === shown ? text : value.toPrecision(6);
}

/** The fastest of the peers that pass a test. */
export const fastest = (row: Row, among: (peer: PeerResult) => boolean = () => true): PeerResult | undefined =>
  row.peers.filter(among).sort((a, b) => a.ratio.median - b.ratio.median)[0];

const unmeasured = { found: "not measured", met: undefined };

function atLeast(what: string, goal: number, of: string, peer: PeerResult | undefined): Goal {
  const text = `${goal} times faster than ${of}`;
  if (!peer) return { what, goal: text, ...unmeasured };
  const { median } = peer.ratio;
  return { what, goal: text, found: `${figure(median, goal, "least")} (${peer.name})`, met: median >= goal };
}

function atMost(what: string, goal: number, text: string, value: number | undefined, unit = ""): Goal {
  const stated = `${text} at most ${goal}${unit}`;
  if (value === undefined) return { what, goal: stated, ...unmeasured };
  return { what, goal: stated, found: `${figure(value, goal, "most")}${unit}`, met: value <= goal };
}

/** All goals, in order, met or not. */
export function goals(results: Results): Goal[] {
  const row = (key: string): Row | undefined => results.rows.find((one) => one.key === key);
  const rowGoals = (key: string, make: (row: Row) => readonly Goal[]): readonly Goal[] => {
    const found = row(key);
    return found ? make(found) : [];
  };
  const isLoop = (peer: PeerResult): boolean => peer.key === "torch-loop";
  const isJaxVmap = (peer: PeerResult): boolean => peer.key === "jax-vmap";
  const isTorch = (peer: PeerResult): boolean => peer.key.startsWith("torch-");
  const list: Goal[] = [];
  for (const key of ["omniglot-1", "omniglot-5"]) {
    list.push(
      ...rowGoals(key, (at) => [
        atMost(at.name, 1.25, "times its matrix products at the peak:", at.overFloor.median),
        atLeast(at.name, 8, "PyTorch's task loop", fastest(at, isLoop)),
        atLeast(at.name, 3, "the best peer", fastest(at)),
      ]),
    );
  }
  for (const key of ["fomaml-1", "fomaml-5", "anil-1", "anil-5"]) {
    list.push(...rowGoals(key, (at) => [atLeast(at.name, 2, "the best peer", fastest(at))]));
  }
  for (const key of ["sinusoid-1", "sinusoid-5"]) {
    list.push(
      ...rowGoals(key, (at) => [
        atLeast(at.name, 20, "PyTorch's task loop", fastest(at, isLoop)),
        atLeast(at.name, 1.5, "JAX's jit(vmap)", fastest(at, isJaxVmap)),
      ]),
    );
  }
  list.push(
    ...rowGoals("mini-imagenet-5", (at) => {
      const best = fastest(at);
      const share = at.memory && best ? at.memory.peakBytes / best.peakBytes : undefined;
      return [
        atMost(at.name, 1.5, "times its matrix products at the peak:", at.overFloor.median),
        atLeast(at.name, 3, "the best peer", best),
        atMost(at.name, 0.5, "resident memory over the best peer's:", share),
      ];
    }),
    ...rowGoals("prototypical", (at) => [atLeast(at.name, 2, "PyTorch", fastest(at, isTorch))]),
  );
  const { policies, workers, adaptation, firstStep, sweeps } = results;
  if (policies) list.push(atLeast(policies.name, 2, "PyTorch by the same mathematics", policies.peer));
  if (workers) {
    const { median } = workers.speedup;
    const goal = "1.8 times faster than one";
    list.push({ what: "Two workers", goal, found: figure(median, 1.8, "least"), met: median >= 1.8 });
  }
  if (adaptation) {
    const { pool, thread } = adaptation;
    const what = "Adapt to one task and predict";
    const warm = Math.min(pool.warm.median, thread.warm.median);
    const cached = Math.min(pool.start.cached.median, thread.start.cached.median);
    list.push(
      atMost(what, 2, "warm", warm, " ms"),
      atMost(what, 500, "from the start of a process, models cached:", cached, " ms"),
    );
  }
  if (firstStep) {
    const what = "Trace to first step, Omniglot, 5 steps";
    list.push(
      atMost(what, 1500, "cold", firstStep.cold.median, " ms"),
      atMost(what, 500, "from the cache", firstStep.cached.median, " ms"),
    );
  }
  for (const { title, series } of sweeps ?? []) {
    const { r2 } = series[0]!.line;
    const what = `Cost against ${title}`;
    list.push({ what, goal: "linear: R^2 at least 0.99", found: r2.toFixed(4), met: r2 >= 0.99 });
  }
  return list;
}
