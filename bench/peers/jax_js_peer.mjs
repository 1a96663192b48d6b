// Meta-steps in jax-js (WebAssembly) in Node, to measure innerloop against: jit(vmap(grad)), parameters updated by Adam in
// the same jitted function. protocol.mjs says how it talks.
//
// jax-js spreads kernels over web workers, which Node has not. With more than one thread asked for, they are made of Node's worker threads.
import { resolveObjectURL } from "node:buffer";
import { Worker as Thread } from "node:worker_threads";
import { adapting, images, initialParameters, load, problem, sample, serve, threads, versionOf } from "./protocol.mjs";

if (threads > 1) {
  const prelude = `const { parentPort } = require("node:worker_threads");
    globalThis.self = globalThis;
    globalThis.postMessage = (message) => parentPort.postMessage(message);
    parentPort.on("message", (data) => self.onmessage({ data }));`;
  globalThis.Worker = class {
    #thread;
    constructor(url) {
      this.#thread = resolveObjectURL(url)
        .text()
        .then((source) => {
          const thread = new Thread(prelude + source, { eval: true });
          thread.on("message", (data) => this.onmessage?.({ data }));
          thread.on("error", (error) => this.onerror?.(error));
          return thread;
        });
    }
    postMessage(message) {
      this.#thread.then((thread) => thread.postMessage(message));
    }
  };
  Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: threads }, configurable: true });
}

const { grad, init, jit, lax, nn, numpy: np, valueAndGrad, vmap } = load("@jax-js/jax");
await init("wasm");

const array = ({ shape, values }) => np.array(values).reshape(shape);
// Every use takes a reference of its own: within jit nothing is held by them.
const use = (x) => x.ref;

/**
 * Rows times columns as products and a sum, which jit makes one kernel of: through np.matmul of jax-js 0.1.25 the second
 * derivative of a network of three layers is wrong, linear ones too.
 */
function matmul(a, b) {
  const [n, k] = a.shape;
  return np.sum(a.reshape([n, k, 1]).mul(b.reshape([1, k, b.shape[1]])), 1);
}

function batchNorm(x, scale, shift) {
  const centered = use(x).sub(np.mean(use(x), [0, 2, 3], { keepdims: true }));
  const variance = np.mean(np.square(use(centered)), [0, 2, 3], { keepdims: true });
  const factor = np.reciprocal(np.sqrt(variance.add(1e-5)));
  const channels = (v) => use(v).reshape([1, -1, 1, 1]);
  return centered.mul(factor.mul(channels(scale))).add(channels(shift));
}

function maxPool(x) {
  const [n, c, h, w] = x.shape;
  const [rows, columns] = [Math.floor(h / 2), Math.floor(w / 2)];
  const cut = x.slice([], [], [0, 2 * rows], [0, 2 * columns]);
  return np.max(cut.reshape([n, c, rows, 2, columns, 2]), [3, 5]);
}

function forward(p, x) {
  const dense = (at, i) => matmul(at, use(p[i])).add(use(p[i + 1]));
  if (!images) {
    let h = use(x);
    for (let i = 0; i < p.length - 2; i += 2) h = nn.relu(dense(h, i));
    return dense(h, p.length - 2);
  }
  const strided = problem.downsampling === "stride";
  let h = use(x);
  for (let i = 0; i < 16; i += 4) {
    const stride = strided ? 2 : 1;
    h = lax
      .convGeneralDilated(
        h,
        use(p[i]),
        [stride, stride],
        [
          [1, 1],
          [1, 1],
        ],
      )
      .add(use(p[i + 1]).reshape([1, -1, 1, 1]));
    h = nn.relu(batchNorm(h, p[i + 2], p[i + 3]));
    if (!strided) h = maxPool(h);
  }
  const features = strided ? np.mean(h, [2, 3]) : np.transpose(h, [0, 2, 3, 1]).reshape([x.shape[0], -1]);
  return problem.learner === "prototypical" ? features : dense(features, 16);
}

/** Targets are numbers, or rows of one-hot classes. */
function lossOf(prediction, y) {
  if (!images) return np.mean(np.square(prediction.sub(use(y))));
  return np.mean(np.sum(nn.logSoftmax(prediction, -1).mul(use(y)), -1)).neg();
}

function taskLoss(parameters, sx, sy, qx, qy) {
  if (problem.learner === "prototypical") {
    const prototypes = np.mean(forward(parameters, sx).reshape([problem.ways, problem.shots, -1]), 1);
    const queries = forward(parameters, qx);
    const cross = matmul(use(queries), np.transpose(use(prototypes))).mul(2);
    const squared = np
      .sum(np.square(queries), 1, { keepdims: true })
      .sub(cross)
      .add(np.sum(np.square(prototypes), 1));
    return lossOf(squared.neg(), qy);
  }
  const places = adapting(parameters.length);
  const whole = (fast, chosen) => {
    const all = [...fast];
    places.forEach((place, i) => {
      all[place] = chosen[i];
    });
    return all;
  };
  let fast = parameters;
  for (let step = 0; step < problem.steps; step++) {
    const at = problem.order === 2 ? fast : fast.map((p) => lax.stopGradient(use(p)));
    const gradients = grad((chosen) => lossOf(forward(whole(at, chosen), sx), sy))(
      places.map((place) => use(at[place])),
    );
    fast = whole(
      fast,
      places.map((place, i) => use(fast[place]).sub(gradients[i].mul(problem.innerLearningRate))),
    );
  }
  return lossOf(forward(fast, qx), qy);
}

function metaGradient(parameters, batch) {
  const one = (p, ...task) => valueAndGrad(taskLoss)(p, ...task);
  const axes = [parameters.map(() => null), 0, 0, 0, 0];
  const [losses, gradients] = vmap(one, axes)(parameters, ...batch);
  return [np.mean(losses), gradients.map((g) => np.mean(g, 0))];
}

function update(parameters, first, second, rate, batch) {
  const [loss, gradients] = metaGradient(parameters.map(use), batch);
  const m = first.map((value, i) => value.mul(0.9).add(use(gradients[i]).mul(0.1)));
  const v = second.map((value, i) => value.mul(0.999).add(np.square(gradients[i]).mul(0.001)));
  const moved = parameters.map((p, i) =>
    p.sub(
      use(m[i])
        .mul(use(rate))
        .div(np.sqrt(use(v[i])).add(1e-8)),
    ),
  );
  return [moved, m, v, loss];
}

/** Filters [kh, kw, in, out] as [out, in, kh, kw]; images [tasks, n, h, w, c] as [tasks, n, c, h, w]; classes as one-hot rows. */
const inward = (p) => (p.shape.length === 4 ? np.transpose(array(p), [3, 2, 0, 1]) : array(p));
const outward = (g) => (g.shape.length === 4 ? np.transpose(g, [2, 3, 1, 0]) : g);
const arrays = ([sx, sy, qx, qy]) => {
  const inputs = (x) => (images ? np.transpose(array(x), [0, 1, 4, 2, 3]) : array(x));
  const oneHot = ({ shape, values }) => ({
    shape: [...shape, problem.ways],
    values: Float32Array.from({ length: values.length * problem.ways }, (_, i) =>
      values[Math.floor(i / problem.ways)] === i % problem.ways ? 1 : 0,
    ),
  });
  const targets = (y) => array(images ? oneHot(y) : y);
  return [inputs(sx), targets(sy), inputs(qx), targets(qy)];
};

const jitted = jit(update);
const asked = jit(metaGradient);
let parameters = initialParameters().map(inward);
let [first, second] = [0, 1].map(() => parameters.map((p) => np.zeros(p.shape)));
const batches = [1, 2, 3].map((seed) => arrays(sample(seed)));
let count = 0;

await serve({
  name: "jax-js",
  versions: { "jax-js": versionOf("@jax-js/jax") },
  async step() {
    const batch = batches[count % batches.length].map(use);
    count++;
    const rate = (1e-3 * Math.sqrt(1 - 0.999 ** count)) / (1 - 0.9 ** count);
    let loss;
    [parameters, first, second, loss] = jitted(parameters, first, second, np.array(rate), batch);
    await Promise.all(parameters.map((p) => p.blockUntilReady?.() ?? p.ref.data()));
    return (await loss.data())[0];
  },
  async gradient(given, batch) {
    const [loss, gradients] = asked(given.map(inward), arrays(batch));
    const out = [];
    for (const g of gradients.map(outward)) {
      const { shape } = g;
      out.push({ shape, values: await g.data() });
    }
    return { loss: (await loss.data())[0], gradient: out };
  },
});
