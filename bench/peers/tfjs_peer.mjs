// Meta-steps in TensorFlow.js in Node, to measure innerloop against. protocol.mjs says how it talks.
//
// Variants are its backends: wasm (XNNPACK kernels) and cpu (plain JavaScript). It has no vmap: the sinusoid network is written
// over all tasks at once by hand, convolutional networks go task by task.
import { images, initialParameters, load, problem, sample, serve, threads, variant, versionOf } from "./protocol.mjs";

const tf = load("@tensorflow/tfjs");
if (variant === "wasm") {
  const wasm = load("@tensorflow/tfjs-backend-wasm");
  wasm.setThreadsCount(threads);
}
if (!(await tf.setBackend(variant))) throw new Error(`no backend ${variant}`);
await tf.ready();
if (problem.learner !== "maml" || problem.order !== 2 || problem.adapts !== "all")
  throw new Error("only second-order MAML of all parameters is written for TensorFlow.js");

const tensor = ({ shape, values }) => tf.tensor(values, shape);

function batchNorm(x, scale, shift) {
  const centered = tf.sub(x, tf.mean(x, [0, 1, 2], true));
  const variance = tf.mean(tf.mul(centered, centered), [0, 1, 2], true);
  return tf.add(tf.mul(centered, tf.mul(tf.rsqrt(tf.add(variance, 1e-5)), scale)), shift);
}

function forward(p, x) {
  if (!images) {
    // All tasks at once: weights [tasks, in, out], biases [tasks, 1, out].
    let h = x;
    for (let i = 0; i < p.length; i += 2) {
      h = tf.add(tf.matMul(h, p[i]), p[i + 1]);
      if (i < p.length - 2) h = tf.relu(h);
    }
    return h;
  }
  const strided = problem.downsampling === "stride";
  const same = [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ];
  let h = x;
  for (let i = 0; i < 16; i += 4) {
    h = tf.conv2d(tf.pad(h, same), p[i], strided ? 2 : 1, "valid");
    h = tf.relu(batchNorm(tf.add(h, p[i + 1]), p[i + 2], p[i + 3]));
    if (!strided) h = tf.maxPool(h, 2, 2, "valid");
  }
  const features = strided ? tf.mean(h, [1, 2]) : tf.reshape(h, [x.shape[0], -1]);
  return tf.add(tf.matMul(features, p[16]), p[17]);
}

/** Summed over tasks where they are at once: each task's parameters then get their own task's gradient. */
function lossOf(prediction, y) {
  if (!images) return tf.mul(tf.sum(tf.square(tf.sub(prediction, y))), 1 / prediction.shape[1]);
  return tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(prediction), y), -1)));
}

function adaptedLoss(parameters, sx, sy, qx, qy) {
  let fast = parameters;
  for (let step = 0; step < problem.steps; step++) {
    const gradients = tf.grads((...all) => lossOf(forward(all, sx), sy))(fast);
    fast = fast.map((p, i) => tf.sub(p, tf.mul(gradients[i], problem.innerLearningRate)));
  }
  return lossOf(forward(fast, qx), qy);
}

/** A copy of the parameters for each task: [tasks, in, out] and [tasks, 1, out]. */
const perTask = (parameters, count) =>
  parameters.map((p) => tf.tile(tf.reshape(p, [1, p.rank === 1 ? 1 : p.shape[0], p.shape.at(-1)]), [count, 1, 1]));

/** Mean query loss and meta-gradient. */
function metaGradient(parameters, batch) {
  const count = batch[0].shape[0];
  const tasks = images
    ? Array.from({ length: count }, (_, t) => batch.map((b) => tf.squeeze(tf.slice(b, t, 1), [0])))
    : [batch];
  let [loss, sums] = [tf.scalar(0), undefined];
  for (const task of tasks) {
    const { value, grads } = tf.valueAndGrads((...p) => adaptedLoss(images ? p : perTask(p, count), ...task))(
      parameters,
    );
    loss = tf.add(loss, value);
    sums = sums ? sums.map((s, i) => tf.add(s, grads[i])) : grads;
  }
  return { loss: tf.div(loss, count), gradient: sums.map((s) => tf.div(s, count)) };
}

const arrays = ([sx, sy, qx, qy]) => {
  const targets = (y) => (images ? tf.oneHot(tf.cast(tensor(y), "int32"), problem.ways).toFloat() : tensor(y));
  return [tensor(sx), targets(sy), tensor(qx), targets(qy)];
};
const parameters = initialParameters().map((p) => tf.variable(tensor(p)));
const optimizer = tf.train.adam(1e-3);
const batches = [1, 2, 3].map((seed) => arrays(sample(seed)));
let count = 0;

await serve({
  name: "tfjs",
  versions: { tfjs: versionOf("@tensorflow/tfjs"), backend: variant },
  async step() {
    const batch = batches[count++ % batches.length];
    const loss = tf.tidy(() => {
      const found = metaGradient(parameters, batch);
      optimizer.applyGradients(parameters.map((p, i) => ({ name: p.name, tensor: found.gradient[i] })));
      return found.loss;
    });
    const [value] = await loss.data();
    loss.dispose();
    return value;
  },
  async gradient(given, batch) {
    const { loss, gradient } = metaGradient(given.map(tensor), arrays(batch));
    return { loss: loss.dataSync()[0], gradient: gradient.map((g) => ({ shape: g.shape, values: g.dataSync() })) };
  },
});
