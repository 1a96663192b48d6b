// What the tests ask of a page, by the imports that a user's page has.
import { createExecutor, decodeImages, loadExported, webExecutor, workerExecutor } from "@innerloop/web";
import { compile, grad, matmul, mul, sum, tensor } from "innerloop/graph";
import { trainedSinusoids } from "./sinusoid-run.mjs";

/** On a machine that is busy with other tests all takes long. */
const patient = (make) => (options) => make({ timeoutMs: 600_000, ...options });
const places = { page: patient(webExecutor), worker: patient(workerExecutor) };

/** The gradient of |a b|^2 by a, computed on the executor. */
async function gradient(executor) {
  const slope = compile(
    grad((a) =>
      sum(
        mul(
          matmul(
            a,
            tensor([
              [1, 2],
              [3, 4],
            ]),
          ),
          matmul(
            a,
            tensor([
              [1, 2],
              [3, 4],
            ]),
          ),
        ),
      ),
    ),
    { executor },
  );
  const result = await slope(
    tensor([
      [1, -1],
      [0.5, 2],
    ]),
  );
  return [...result.data];
}

const described = ({ device, threads, status, name }) => ({ device, threads, status, name });
const codeOf = (error) => ({ code: error.code, message: error.message });
const refusal = (promise) => promise.then(() => undefined, codeOf);

const questions = {
  /** An executor in the page or a worker, what it says of itself, and what it computes. */
  async computes({ place, options }) {
    const executor = await places[place](options);
    const values = await gradient(executor);
    await executor.close();
    return { ...described(executor), values };
  },

  /** The same where the browser promises a GPU that it does not have. */
  computesWithoutItsGpu(asked) {
    const requestAdapter = async () => ({ info: { vendor: "broken" } });
    Object.defineProperty(navigator, "gpu", { value: { requestAdapter }, configurable: true });
    return questions.computes(asked).finally(() => delete navigator.gpu);
  },

  refusalOf: ({ place, options }) => refusal(places[place](options)),

  /** A training by the executor that the package offers. */
  trained: () => trainedSinusoids(),

  /** The question whether the page did something of its own before a run was done that takes a while. */
  async goesOn({ place }) {
    const executor = await (place === undefined ? createExecutor() : places[place]());
    const size = 768;
    const square = compile((a) => matmul(a, a), { executor });
    const a = tensor(new Float32Array(size * size).fill(0.5), [size, size]);
    await square(a);
    let done = false;
    setTimeout(() => {
      done = true;
    });
    await square(a);
    const result = { done, status: executor.status };
    await executor.close();
    return result;
  },

  /** Feeds are as they were, results are the caller's own, and what does not fit is refused. */
  async contract({ place }) {
    const executor = await places[place]();
    const type = { dtype: "float32", shape: [2] };
    const doubled = compile((x) => mul(x, 2), { executor });
    const x = tensor([1, 2]);
    const [first, second] = await Promise.all([doubled(x), doubled(tensor([3, 4]))]);
    const loading = await refusal(executor.load(new Uint8Array([1, 2, 3]), [type], [type]));
    await executor.close();
    const closed = await refusal(executor.load(new Uint8Array(3), [type], [type]));
    return { x: [...x.data], first: [...first.data], second: [...second.data], loading, closed };
  },

  /** All that wait for a worker that ends meanwhile, and what is asked of it later. */
  async crash({ options, how }) {
    const executor = await places.worker(options);
    const size = 256;
    const square = compile((a) => matmul(matmul(a, a), a), { executor });
    const a = tensor(new Float32Array(size * size).fill(0.5), [size, size]);
    await square(a);
    const waiting = [square(a), square(a), square(a)].map(refusal);
    globalThis[how]?.();
    const refusals = await Promise.all(waiting);
    const later = await refusal(square(a));
    await executor.close();
    const again = await places.worker();
    const values = await gradient(again);
    await again.close();
    return { refusals, later, values };
  },

  /** Pictures by name: files are fetched from the site and given as the kind of source. */
  async decoded({ names, as, options }) {
    const files = await Promise.all(names.map(async (name) => (await fetch(`/pictures/${name}`)).blob()));
    const sources = await Promise.all(files.map((file, i) => sourceOf(file, names[i], as)));
    return (await decodeImages(sources, options)).map((pixels) => [...pixels]);
  },

  /** What an exported learner answers in a page: for bytes, for canvases, and out of the bytes of a task. */
  async exported({ address, examples, asked, steps, place, engine }) {
    const executor = place === undefined ? undefined : await places[place]();
    const began = performance.now();
    const learner = await loadExported(address, { ...(executor ? { executor } : {}), ...(engine ? { engine } : {}) });
    const loaded = performance.now();
    const given = examples.map(({ pixels, label }) => ({ input: Uint8Array.from(pixels), label }));
    const task = await learner.adapt(given, { steps });
    const answers = await task.predict(asked.map((pixels) => Uint8Array.from(pixels)));
    const answered = performance.now();
    const ofCanvases = await task.predict(asked.map(canvasOf));
    const restored = await (await learner.restore(task.save())).predict(Uint8Array.from(asked[0]));
    await learner.dispose();
    await executor?.close();
    return { answers, ofCanvases, restored, ms: { load: loaded - began, adaptAndPredict: answered - loaded } };
  },

  /** What happens first while a module adapts in so many steps: that the page is given its turn, or that it has adapted. */
  async adaptsAside({ address, examples, steps, turns }) {
    const learner = await loadExported(address, { engine: "wasm" });
    const given = examples.map(({ pixels, label }) => ({ input: Uint8Array.from(pixels), label }));
    await learner.adapt(given, { steps: 1 });
    const order = [];
    const adapting = learner.adapt(given, { steps }).then(() => order.push("adapted"));
    for (let turn = 0; turn < turns; turn++) {
      await new Promise((next) => setTimeout(next));
      order.push("page");
    }
    await adapting;
    await learner.dispose();
    return order;
  },

  /** The errors of a module whose worker has ended itself, and what is answered once it is loaded again. */
  async outlivesItsWorker({ address, examples, asked }) {
    const before = globalThis.Worker;
    const workers = [];
    globalThis.Worker = class extends before {
      constructor(...given) {
        super(...given);
        workers.push(this);
      }
    };
    const given = examples.map(({ pixels, label }) => ({ input: Uint8Array.from(pixels), label }));
    const learner = await loadExported(address, { engine: "wasm" });
    const task = await learner.adapt(given);
    for (const worker of workers) worker.dispatchEvent(new ErrorEvent("error", { message: "out of memory" }));
    const refused = await refusal(task.predict(Uint8Array.from(asked[0])));
    await learner.dispose();
    const again = await loadExported(address, { engine: "wasm" });
    const { label } = await (await again.adapt(given)).predict(Uint8Array.from(asked[0]));
    await again.dispose();
    globalThis.Worker = before;
    return { refused, label, workers: workers.length };
  },

  /** The same of texts, which a tokenizer of the page splits. */
  async exportedTexts({ address, examples, asked }) {
    const { Tokenizer } = await import("@huggingface/tokenizers");
    const pieces = (bytes) => {
      const tokenizer = new Tokenizer(JSON.parse(new TextDecoder().decode(bytes)), {});
      const idsOf = (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
      return { before: [], behind: [], split: (texts) => texts.map(idsOf) };
    };
    const learner = await loadExported(address, { pieces });
    const task = await learner.adapt(examples);
    const answers = await task.predict(asked);
    await learner.dispose();
    return answers;
  },

  /** Learners that come trained, each from where its package is. */
  async included() {
    const curves = await loadExported("innerloop:sinusoids");
    const points = [-4, -2, 0, 1, 3].map((x) => ({ input: { x }, target: 2 * Math.sin(x - 1) }));
    const curve = await curves.adapt(points);
    const { value } = await curve.predict({ x: 1 });
    const texts = await loadExported("innerloop:intents");
    const said = await texts.adapt(["where is my parcel", "my money back"].map((input) => ({ input, label: input })));
    const { label } = await said.predict("the parcel is late");
    return { value, label };
  },

  /** What an exported learner of any kind answers in a page, and what it recommends where that is asked for. */
  async exportedKind({ address, examples, asked, request, engine }) {
    const learner = await loadExported(address, engine ? { engine } : {});
    const task = await learner.adapt(examples);
    const began = performance.now();
    const answers = await task.predict(asked);
    const recommended = request && (await task.recommend(request));
    const ms = performance.now() - began;
    const restored = await (await learner.restore(task.save())).predict(asked);
    await learner.dispose();
    return { answers, recommended, restored, ms };
  },

  /** What an exported detector finds in pictures of a page. */
  async exportedDetector({ address, examples, asked }) {
    const began = performance.now();
    const learner = await loadExported(address);
    const loaded = performance.now();
    const task = await learner.adapt(examples);
    const adapted = performance.now();
    const answers = { address: await task.predict(asked) };
    const answered = performance.now();
    const files = await Promise.all(asked.map(async (name) => (await fetch(name)).blob()));
    answers.file = await task.predict(files.map((file, i) => new File([file], asked[i])));
    answers.bytes = await task.predict(
      await Promise.all(files.map(async (file) => new Uint8Array(await file.arrayBuffer()))),
    );
    answers.canvas = await task.predict(await Promise.all(files.map((file, i) => sourceOf(file, asked[i], "canvas"))));
    // As many at once as before: runtimes round by how many there are.
    const [restored] = await (await learner.restore(task.save())).predict(asked);
    await learner.dispose();
    const ms = { load: loaded - began, adapt: adapted - loaded, predict: answered - adapted };
    return { answers, restored, ms };
  },

  notDetected: ({ address, input, objects }) =>
    refusal(loadExported(address).then((learner) => learner.adapt([{ input, objects }]))),

  notExported: ({ address, engine }) => refusal(loadExported(address, engine ? { engine } : {})),

  undecoded: ({ names, as = "file", options }) => refusal(questions.decoded({ names, as, options })),

  undecodable: ({ source }) => refusal(decodeImages([source], { size: [4, 4], channels: 3 })),
};

/** A square picture in grey, by its bytes. */
function canvasOf(pixels) {
  const side = Math.sqrt(pixels.length);
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const colours = new Uint8ClampedArray(pixels.flatMap((grey) => [grey, grey, grey, 255]));
  canvas.getContext("2d").putImageData(new ImageData(colours, side, side), 0, 0);
  return canvas;
}

async function sourceOf(file, name, as) {
  if (as === "blob") return file;
  if (as === "file") return new File([file], name);
  if (as === "url") return new URL(`/pictures/${name}`, location.href);
  const bitmap = await createImageBitmap(file);
  if (as === "bitmap") return bitmap;
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  if (as === "canvas") return canvas;
  if (as === "data") return context.getImageData(0, 0, bitmap.width, bitmap.height);
  const offscreen = new OffscreenCanvas(bitmap.width, bitmap.height);
  offscreen.getContext("2d").drawImage(bitmap, 0, 0);
  return offscreen;
}

globalThis.questions = questions;
