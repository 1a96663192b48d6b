import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Peer } from "./peer.js";
import type { Problem } from "./problem.js";

/** A program to be measured against. */
export interface PeerKind {
  readonly key: string;
  readonly name: string;
  readonly script: string;
  readonly variant: string;
  /** Only where it is asked for by name: it takes minutes to compile. */
  readonly slow?: boolean;
  /** Why it is not run on a problem. */
  readonly refuses?: (problem: Problem) => string | undefined;
}

const needsMaml = (name: string) => (problem: Problem) =>
  problem.learner === "maml" ? undefined : `${name} is for MAML`;
const plainSecondOrder = ({ learner, order, adapts }: Problem): boolean =>
  learner === "maml" && order === 2 && adapts === "all";

/** One of the rows with a small convolutional network is enough to see what a peer that is far too slow for it does. */
const oneConvRow = (problem: Problem): string | undefined =>
  problem.model === "mlp" || (plainSecondOrder(problem) && problem.steps === 1 && problem.imageShape![0] === 28)
    ? undefined
    : "convolutions are tried on Omniglot, 1 step, only";

export const peerKinds: readonly PeerKind[] = [
  { key: "torch-loop", name: "PyTorch, task loop", script: "torch_peer.py", variant: "loop" },
  { key: "torch-func", name: "PyTorch, torch.func", script: "torch_peer.py", variant: "func" },
  {
    key: "torch-patches",
    name: "PyTorch, torch.func on patches",
    script: "torch_peer.py",
    variant: "patches",
    refuses: ({ model }) => (model === "mlp" ? "no convolutions" : undefined),
  },
  {
    key: "torch-compile",
    name: "PyTorch, torch.compile",
    script: "torch_peer.py",
    variant: "compile",
    slow: true,
  },
  {
    key: "learn2learn",
    name: "learn2learn",
    script: "torch_peer.py",
    variant: "learn2learn",
    refuses: needsMaml("learn2learn's MAML"),
  },
  {
    key: "higher",
    name: "higher",
    script: "torch_peer.py",
    variant: "higher",
    refuses: (problem) =>
      needsMaml("higher")(problem) ?? (problem.adapts === "head" ? "higher adapts whole modules" : undefined),
  },
  { key: "jax-vmap", name: "JAX, jit(vmap)", script: "jax_peer.py", variant: "vmap" },
  {
    key: "jax-map",
    name: "JAX, jit(lax.map)",
    script: "jax_peer.py",
    variant: "map",
    refuses: ({ model }) => (model === "mlp" ? "no convolutions" : undefined),
  },
  {
    key: "jax-patches",
    name: "JAX, jit(vmap) on patches",
    script: "jax_peer.py",
    variant: "patches",
    refuses: ({ model }) => (model === "mlp" ? "no convolutions" : undefined),
  },
  {
    key: "jax-js",
    name: "jax-js (Wasm), jit(vmap)",
    script: "jax_js_peer.mjs",
    variant: "",
    refuses: ({ model }) => (model === "conv" ? "a step of one task of Omniglot takes it 90 s" : undefined),
  },
  { key: "tfjs-wasm", name: "TensorFlow.js (Wasm)", script: "tfjs_peer.mjs", variant: "wasm", refuses: oneConvRow },
  {
    key: "tfjs-cpu",
    name: "TensorFlow.js (JavaScript)",
    script: "tfjs_peer.mjs",
    variant: "cpu",
    refuses: oneConvRow,
  },
];

/** Where peers run. */
export interface PeerEnvironment {
  readonly python: string;
  /** Thread counts to try on a problem; the faster one is taken. */
  readonly threads: (problem: Problem) => readonly number[];
  readonly patienceMs: number;
}

const folder = fileURLToPath(new URL("../peers/", import.meta.url));
const nodePackages = fileURLToPath(new URL("../../.venv/js/node_modules", import.meta.url));

/** Whether a peer's environment is there at all. */
export function installed(kind: PeerKind, { python }: PeerEnvironment): boolean {
  return kind.script.endsWith(".py") ? existsSync(python) : existsSync(nodePackages);
}

export interface RunningPeer {
  readonly kind: PeerKind;
  readonly peer: Peer;
}

/** Which thread count suited a peer on problems of a kind: tried once. */
const suited = new Map<string, number>();

/**
 * A peer, warm, with the number of threads that is faster for it.
 *
 * @throws Error with its own words where it cannot run the problem
 */
export async function startPeer(kind: PeerKind, problem: Problem, on: PeerEnvironment): Promise<RunningPeer> {
  const start = (threads: number): Promise<Peer> =>
    Peer.start(
      kind.script.endsWith(".py") ? on.python : process.execPath,
      [
        `${folder}${kind.script}`,
        "--problem",
        JSON.stringify(problem),
        "--threads",
        String(threads),
        ...(kind.variant === "" ? [] : ["--variant", kind.variant]),
      ],
      on.patienceMs,
    );
  const running = (peer: Peer): RunningPeer => ({ kind, peer });
  const sort = `${kind.key} ${problem.model} ${problem.imageShape} ${problem.learner}`;
  const known = suited.get(sort);
  if (known !== undefined) return running(await start(known));
  let best: Peer | undefined;
  for (const threads of on.threads(problem)) {
    const peer = await start(threads);
    const faster = best === undefined || peer.header.milliseconds < best.header.milliseconds;
    await (faster ? best : peer)?.quit();
    if (faster) best = peer;
  }
  suited.set(sort, best!.header.threads);
  return running(best!);
}
