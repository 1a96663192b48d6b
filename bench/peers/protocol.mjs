// What the peers in Node share: peer_protocol.py in JavaScript. bench/peer.ts is the other end.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    problem: { type: "string" },
    variant: { type: "string", default: "" },
    threads: { type: "string", default: "1" },
    warmup: { type: "string", default: "2" },
  },
});

export const problem = JSON.parse(values.problem);
export const variant = values.variant;
export const threads = Number(values.threads);
export const images = problem.model === "conv";

/** Packages of bench/peers/setup.sh, which live in the peers' environment and not among the workspace's. */
const environment = new URL("../../.venv/js/", import.meta.url);
export const load = createRequire(environment);
export const versionOf = (name) =>
  JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, environment), "utf8")).version;

export const decode = ({ shape, data }) => {
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  return { shape, values: new Float32Array(bytes.buffer) };
};

export const encode = ({ shape, values }) => ({
  shape,
  data: Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("base64"),
});

const product = (shape) => shape.reduce((a, b) => a * b, 1);

/** Uniform numbers of a fixed seed (mulberry32). */
const generator = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

const filled = (shape, f) => ({ shape, values: Float32Array.from({ length: product(shape) }, (_, i) => f(i)) });

/** Places of the parameters that the inner loop moves. */
export const adapting = (count) =>
  problem.adapts === "head" ? [count - 2, count - 1] : Array.from({ length: count }, (_, i) => i);

/** First values in innerloop's layouts: Glorot's, scales 1, biases and shifts 0. */
export function initialParameters() {
  const uniform = generator(1);
  const glorot = (...shape) => {
    const bound = Math.sqrt(6 / (product(shape.slice(0, -2)) * (shape.at(-2) + shape.at(-1))));
    return filled(shape, () => (2 * uniform() - 1) * bound);
  };
  const constant = (n, value) => filled([n], () => value);
  if (!images) return problem.sizes.slice(1).flatMap((out, i) => [glorot(problem.sizes[i], out), constant(out, 0)]);
  const { filters, ways, learner, downsampling } = problem;
  const blocks = [0, 1, 2, 3].flatMap((i) => [
    glorot(3, 3, i === 0 ? problem.imageShape[2] : filters, filters),
    constant(filters, 0),
    constant(filters, 1),
    constant(filters, 0),
  ]);
  if (learner === "prototypical") return blocks;
  const pixels = problem.imageShape.slice(0, 2).map((size) => Math.floor(size / 16));
  const features = downsampling === "stride" ? filters : product(pixels) * filters;
  return [...blocks, glorot(features, ways), constant(ways, 0)];
}

/** Tasks: sine waves, or a pattern for each class with noise on it. */
export function sample(seed) {
  const uniform = generator(seed);
  const { tasks, ways, shots, queries, imageShape } = problem;
  if (!images) {
    const waves = Array.from({ length: tasks }, () => [0.1 + 4.9 * uniform(), Math.PI * uniform()]);
    return [shots, queries].flatMap((n) => {
      const x = filled([tasks, n, 1], () => 10 * uniform() - 5);
      return [
        x,
        filled([tasks, n, 1], (i) => waves[Math.floor(i / n)][0] * Math.sin(x.values[i] - waves[Math.floor(i / n)][1])),
      ];
    });
  }
  const size = product(imageShape);
  const pattern = Float32Array.from({ length: tasks * ways * size }, uniform);
  return [shots, queries].flatMap((n) => [
    filled(
      [tasks, ways * n, ...imageShape],
      (i) => pattern[Math.floor(i / (n * size)) * size + (i % size)] + uniform() - 0.5,
    ),
    filled([tasks, ways * n], (i) => Math.floor(i / n) % ways),
  ]);
}

const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const failure = (error) => ({ error: String(error instanceof Error ? error.message : error).slice(0, 600) });

/**
 * Warms up and answers until told to quit.
 *
 * @param step takes one meta-step and resolves with its query loss
 * @param gradient of parameters and a batch { shape, values } in innerloop's layouts: resolves with { loss, gradient }
 */
export async function serve({ name, versions, step, gradient }) {
  const timed = async () => {
    const start = performance.now();
    const loss = await step();
    const milliseconds = performance.now() - start;
    if (!Number.isFinite(loss)) throw new Error(`the query loss is ${loss}`);
    return milliseconds;
  };
  try {
    const start = performance.now();
    const warm = [];
    while (warm.length < 2 || performance.now() - start < 1000 * Number(values.warmup)) warm.push(await timed());
    say({
      peer: name,
      variant,
      threads,
      firstMilliseconds: warm[0],
      milliseconds: Math.min(...warm.slice(1)),
      peakBytes: process.resourceUsage().maxRSS * 1024,
      versions: { node: process.version, ...versions },
    });
  } catch (error) {
    say(failure(error));
    process.exit(1);
  }
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === "") continue;
    try {
      const message = JSON.parse(line);
      if (message.command === "quit") {
        say({ quit: true });
        process.exit(0);
      } else if (message.command === "round") {
        const milliseconds = [];
        for (let i = 0; i < message.repeats; i++) milliseconds.push(await timed());
        say({ milliseconds });
      } else if (message.command === "gradient") {
        const batch = ["supportX", "supportY", "queryX", "queryY"].map((key) => decode(message[key]));
        const timedProblem = { ...problem };
        Object.assign(problem, message.problem);
        const result = await gradient(message.parameters.map(decode), batch).finally(() =>
          Object.assign(problem, timedProblem),
        );
        say({ loss: result.loss, gradient: result.gradient.map(encode) });
      } else throw new Error(`unknown command ${message.command}: round, gradient or quit`);
    } catch (error) {
      say(failure(error));
    }
  }
}
