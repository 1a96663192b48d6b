// Cases of exported programs run by an engine, in Node or in a page: how far what they answer is from the run's own answers.

/** Logits of classes that a task has not are 10^9 below the others, and of no account. */
const ofNoAccount = -1e6;
const arrays = {
  F32: ["float32", Float32Array],
  I32: ["int32", Int32Array],
  I64: ["int64", BigInt64Array],
  BOOL: ["bool", Uint8Array],
  U8: ["uint8", Uint8Array],
};

/** The tensors of a safetensors file, by name. */
export function tensorsOf(bytes) {
  const start = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  return Object.fromEntries(
    Object.entries(header).flatMap(([name, { dtype, shape, data_offsets: [from, to] = [] }]) => {
      if (name === "__metadata__") return [];
      const [type, Values] = arrays[dtype];
      return [[name, { dtype: type, shape, data: new Values(bytes.slice(start + from, start + to).buffer) }]];
    }),
  );
}

/** The largest difference of outputs, as a share of the largest number that is expected of each. */
export function differenceOf(found, expected) {
  let most = 0;
  for (const [name, { data: right }] of Object.entries(expected)) {
    const here = found[name]?.data;
    if (here?.length !== right.length) return Number.POSITIVE_INFINITY;
    // Of logarithms of probabilities those far below 0 are of no account.
    const value = name === "scores" ? (x) => Math.exp(Number(x)) : Number;
    let [off, largest] = [0, 1e-3];
    for (let i = 0; i < right.length; i++) {
      const [a, b] = [value(here[i]), value(right[i])];
      if (a < ofNoAccount && b < ofNoAccount) continue;
      if (!Number.isFinite(a) || !Number.isFinite(b)) return Number.POSITIVE_INFINITY;
      off = Math.max(off, Math.abs(a - b));
      largest = Math.max(largest, Math.abs(b));
    }
    most = Math.max(most, off / largest);
  }
  return most;
}

/** Tensors whose names begin with a text, without it. */
const within = (tensors, prefix) =>
  Object.fromEntries(
    Object.entries(tensors).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  );

/**
 * Runs all cases of a group.
 *
 * @param read the bytes of a file by its name
 * @param open a model's bytes and its name as { run(feeds), close() }; undefined of one that the engine has not
 * @returns { cases, difference, worst }: the largest difference and its case
 */
export async function consumed(group, read, open) {
  const tensors = tensorsOf(await read(group.file));
  const opened = [];
  for (const model of ["adapt", "predict", "few_shot"]) opened.push(await open(await read(group.models[model]), model));
  const [adapt, predict, fewShot] = opened;
  const result = { cases: 0, difference: 0, worst: "" };
  const judged = (name, found, expected) => {
    const difference = differenceOf(found, expected);
    if (difference > result.difference) [result.difference, result.worst] = [difference, name];
  };
  for (const task of group.tasks) {
    const feeds = within(tensors, `${task}.feeds.`);
    const { status, ...state } = await adapt.run(feeds);
    if (Number(status.data[0]) !== 0) judged(`${task} status ${status.data[0]}`, {}, { status });
    for (const queries of group.queries) {
      const asked = within(tensors, `q${queries}.`);
      const expected = within(tensors, `${task}.q${queries}.`);
      judged(`${task}.q${queries}`, await predict.run({ ...state, ...asked }), expected);
      if (fewShot) judged(`${task}.q${queries} few_shot`, await fewShot.run({ ...feeds, ...asked }), expected);
      result.cases++;
    }
  }
  for (const each of opened) await each?.close();
  return result;
}
