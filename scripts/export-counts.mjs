// node scripts/export-counts.mjs [FOLDER] [--consumers node,python,wasm,webgpu,module] [--only LEARNER,...] [--kind KIND,...] [--steps 0,1]:
// the exported programs of every learner of the catalogue, at several sizes of support, of queries and numbers of steps, beside
// the answers of the learner itself, in onnxruntime of Node, of Python (ONNXRUNTIME_PYTHON names one with numpy and
// onnxruntime) and of Chromium (CHROME_PATH); and as modules of WebAssembly without it, in Node (clang and wasm-ld make them).
// Cases are written to the folder once; the last options choose among them.
import { spawn } from "node:child_process";
import { appendFileSync, createReadStream, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { consumed, differenceOf } from "./export-counts/consume.mjs";
import { bin, must, prepare, root } from "./workspace.mjs";

const { positionals, values: given } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ only: { type: "string" }, kind: { type: "string" }, steps: { type: "string" } },
    consumers: { type: "string", default: "node,python,wasm" },
  },
});
const folder = resolve(positionals[0] ?? join(root, "node_modules/.cache/export-counts"));
const at = (name) => join(folder, name);
const groupsFile = at("groups.jsonl");

const sizes = { support: [1, 5, 17, 25], queries: [1, 2, 40], steps: [0, 1, 5, 50] };
const most = Math.max(...sizes.support);
const tolerance = 1e-4;
/** Whether a learner's programs for a kind of task are among those that were asked for. */
function isAsked(learner, kind) {
  const { only, kind: kinds } = given;
  return (only?.split(",").includes(learner) ?? true) && (kinds?.split(",").includes(kind) ?? true);
}

/** Flags with which Chromium imitates a GPU. */
const softwareGpu = [
  ...["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"],
  ...["--use-vulkan=swiftshader", "--enable-unsafe-swiftshader"],
];

prepare();
mkdirSync(folder, { recursive: true });
if (!existsSync(at("whole"))) await writeCases();
const steps = given.steps?.split(",");
const groups = readFileSync(groupsFile, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line))
  .filter(({ learner, name }) => isAsked(learner, name.split(" ")[1]))
  .map((group) => ({ ...group, tasks: group.tasks.filter((task) => !steps || steps.includes(task.split(".t")[1])) }))
  .filter(({ tasks }) => tasks.length > 0);
writeFileSync(at("chosen.jsonl"), groups.map((group) => `${JSON.stringify(group)}\n`).join(""));
const left = readFileSync(at("whole"), "utf8").trim().split("\n").filter(Boolean);
for (const each of left) console.log(`left out: ${each}`);
console.log(`${groups.length} groups of programs; ${left.length} tasks left out`);
const consumers = {
  node: inNode,
  python: inPython,
  wasm: () => inChromium("wasm"),
  webgpu: () => inChromium("webgpu"),
  module: asModules,
};
const table = new Map();
for (const name of given.consumers.split(",")) {
  const started = Date.now();
  const found = await consumers[name]();
  table.set(name, found);
  const count = found.reduce((all, { cases }) => all + cases, 0);
  const worst = found.reduce((a, b) => (b.difference > a.difference ? b : a), { difference: 0, name: "none" });
  console.log(
    `${name}: ${count} cases, the largest difference ${worst.difference.toExponential(1)} (${worst.name} ${worst.worst ?? ""}), ${Math.round((Date.now() - started) / 1000)} s`,
  );
}
printTable();
const failed = [...table].flatMap(([consumer, found]) =>
  found.filter(({ difference }) => !(difference <= tolerance)).map((each) => `${consumer}: ${each.name} ${each.worst}`),
);
for (const each of failed) console.log(`above ${tolerance}: ${each}`);
process.exitCode = failed.length > 0 ? 1 : 0;

/** The largest difference of each learner, by consumer. */
function printTable() {
  const learners = [...new Set(groups.map(({ learner }) => learner))];
  console.log(`| learner | ${[...table.keys()].join(" | ")} |`);
  for (const learner of learners) {
    const cells = [...table.values()].map((found) =>
      Math.max(0, ...found.filter(({ name }) => name.split(" ")[0] === learner).map(({ difference }) => difference)),
    );
    console.log(`| ${learner} | ${cells.map((each) => each.toExponential(1)).join(" | ")} |`);
  }
}

/** Writes programs, feeds and the learners' own answers. */
async function writeCases() {
  const { learnerCatalogue, learnerNames, key } = await import("@innerloop/core");
  const { built, examplesOf, withIds } = await examplesOfTests();
  const { specsOfRows } = await import("@innerloop/core/tasks");
  const { encodeArrays, exportedOutputs, exportPrograms, TrainedLearner } = await import("@innerloop/core/training");
  const { allocate, leaves, mapTree, namedLeaves, sizeOf, Tensor, tensor } = await import("@innerloop/graph");
  const { onnxruntimeExecutor } = await import("@innerloop/node");
  const { compileWasm, findWasmCompiler } = await import(
    join(root, "packages/node/dist/executor/native/wasm-compiler.js")
  );
  const { wasmSourcesOfExport } = await import(join(root, "packages/experiments/dist/exported/exported-wasm.js"));
  const compiler = given.consumers.split(",").includes("module") ? await findWasmCompiler() : undefined;
  const executor = onnxruntimeExecutor();
  writeFileSync(groupsFile, "");
  const leftOut = [];

  const padded = (x, rows) => {
    const values = allocate(x.dtype, sizeOf(x.shape.slice(1)) * rows);
    // Nonsense behind those that there are.
    values.fill(x.dtype === "float32" ? 3 : 1);
    values.set(x.data);
    return tensor(values, [rows, ...x.shape.slice(1)], x.dtype);
  };
  const firstRows = ({ data, shape: [, ...each], dtype }, rows) =>
    tensor(data.slice(0, rows * sizeOf(each)), [rows, ...each], dtype);
  /** The same examples, each number of their inputs the next but a few. */
  const nextTo = ({ x, ...more }) => ({
    ...more,
    x: mapTree(
      (leaf) =>
        leaf.dtype === "float32"
          ? tensor(
              leaf.data.map((value) => value * (1 + 2 ** -23)),
              leaf.shape,
            )
          : leaf,
      x,
    ),
  });
  const named = (name, tree) =>
    Object.fromEntries(
      namedLeaves(tree).map(([path, leaf]) => [path === "" ? name : `${name}.${path.replaceAll("/", ".")}`, leaf]),
    );
  const fed = ({ x, y }, steps, rows) => {
    const there = leaves(x)[0].shape[0];
    const labels = y instanceof Tensor && y.dtype === "int32";
    const all = labels ? padded(y, rows) : undefined;
    return {
      ...named(
        "support_inputs",
        mapTree((leaf) => padded(leaf, rows), x),
      ),
      ...(all
        ? { support_labels: tensor(BigInt64Array.from(all.data, BigInt), all.shape, "int64") }
        : named(
            "support_targets",
            mapTree((leaf) => padded(leaf, rows), y),
          )),
      support_mask: tensor(new Float32Array(rows).fill(1, 0, there), [rows]),
      steps: tensor([steps], [], "int64"),
    };
  };
  const plain = (tensors) =>
    Object.fromEntries(Object.entries(tensors).map(([name, { dtype, shape, data }]) => [name, { dtype, shape, data }]));
  const prefixed = (prefix, tensors) =>
    Object.fromEntries(Object.entries(plain(tensors)).map(([name, value]) => [prefix + name, value]));

  for (const learnerName of learnerNames) {
    for (const kind of learnerCatalogue[learnerName].kinds) {
      // Policies adapt to what they have collected in environments.
      if (kind === "policy" || !isAsked(learnerName, kind)) continue;
      const ways = kind === "regression" ? 1 : 3;
      const learner = built(learnerName, kind, ways, "support");
      const rows = (count) => {
        const made = examplesOf(kind, count, ways, false);
        return learnerCatalogue[learnerName].needs === "paths" ? withIds(made) : made;
      };
      // Inputs that no task has among its examples: of those distances are 0, and rounding is all that there is to see.
      const askedOf = (count) => mapTree((leaf) => firstRows(leaf, count), rows(most + count).x);
      const { x, y } = rows(most);
      const classes = kind === "classification" || kind === "tagging" ? { classes: { count: ways } } : {};
      const spec = {
        ...{ x: specsOfRows(x), y: { ...specsOfRows(y), ...classes } },
        ...{ support: { rows: most }, query: { rows: 4 } },
      };
      const params = learner.init(key(5));
      const steps = learner.steps === undefined ? [0] : learner.stepped ? sizes.steps : [learner.steps];
      const outputs = (prediction) => exportedOutputs(learner, spec, prediction);
      const trained = new TrainedLearner({ learner, params, spec, executor, outputs });

      // The learner's own answers, which both forms are to give.
      const answers = {};
      const tasks = [];
      for (const there of sizes.support) {
        for (const count of steps) {
          const task = `s${there}.t${count}`;
          try {
            const adapted = await trained.adapt(rows(there), learner.steps === undefined ? {} : { steps: count });
            const own = {};
            for (const queries of sizes.queries)
              Object.assign(own, prefixed(`${task}.q${queries}.`, await adapted.predict(askedOf(queries))));
            // What a learner does may magnify rounding until answers are chance: then there is nothing to compare with.
            const moved = await trained.adapt(nextTo(rows(there)), learner.steps === undefined ? {} : { steps: count });
            const others = prefixed(`${task}.q2.`, await moved.predict(askedOf(2)));
            const expected = Object.fromEntries(Object.keys(others).map((name) => [name, own[name]]));
            const difference = differenceOf(others, expected);
            if (!(difference <= tolerance / 10)) {
              const text = `answers move by ${difference.toExponential(1)} with the last digits of its inputs`;
              leftOut.push(`${learnerName} ${kind} ${task}: ${text}`);
              continue;
            }
            Object.assign(answers, own);
            tasks.push({ task, there, count });
          } catch (error) {
            // What the learner itself refuses, or does not come through, is no case.
            leftOut.push(`${learnerName} ${kind} ${task}: ${String(error.message).slice(0, 120)}`);
          }
        }
      }
      await trained.release();
      const asked = Object.assign(
        {},
        ...sizes.queries.map((queries) => prefixed(`q${queries}.`, named("query_inputs", askedOf(queries)))),
      );
      const written = async (form, options, some, rowsOf) => {
        if (some.length === 0) return;
        const base = `${learnerName}-${kind}-${form}`;
        const programs = exportPrograms({ learner, params, spec, ...options });
        const { models } = programs;
        const module = compiler && `${base}.wasm`;
        if (module) writeFileSync(at(module), await compileWasm(compiler, wasmSourcesOfExport(programs, undefined)));
        const files = Object.fromEntries(
          Object.entries(models).map(([name, { bytes }]) => {
            const file = `${base}-${name}.onnx`;
            writeFileSync(at(file), bytes);
            return [name, file];
          }),
        );
        const feeds = some.map(({ task, there, count }) =>
          prefixed(`${task}.feeds.`, fed(rows(there), count, rowsOf(there))),
        );
        const own = Object.fromEntries(
          Object.entries(answers).filter(([name]) => some.some(({ task }) => name.startsWith(`${task}.`))),
        );
        writeFileSync(at(`${base}.safetensors`), encodeArrays({ arrays: Object.assign({}, asked, own, ...feeds) }));
        const group = {
          ...{ name: `${learnerName} ${kind} ${form}`, learner: learnerName, models: files },
          ...{ file: `${base}.safetensors`, tasks: some.map(({ task }) => task), queries: sizes.queries },
          ...(module ? { module } : {}),
        };
        appendFileSync(groupsFile, `${JSON.stringify(group)}\n`);
      };
      await written("padded", { padded: true }, tasks, () => most);
      const open = exportPrograms({ learner, params, spec });
      if (!open.padded) await written("whole", { padded: false }, tasks, (there) => there);
      else
        for (const there of sizes.support.filter((each) => each < most))
          await written(
            `whole-${there}`,
            { padded: true, support: there, spec: { ...spec, support: { rows: there } } },
            tasks.filter((each) => each.there === there),
            () => there,
          );
      console.log(`written: ${learnerName} ${kind}, ${tasks.length} tasks${open.padded ? ", padded alone" : ""}`);
    }
  }
  await executor.close();
  // Written last: without it the folder is begun anew.
  writeFileSync(at("whole"), leftOut.map((each) => `${each}\n`).join(""));
}

/** Examples of tests, whose files are no part of what is built. */
async function examplesOfTests() {
  const [source, out] = [
    "packages/node/src/catalogue-examples.fixture.ts",
    "node_modules/.cache/export-counts-examples",
  ];
  const how = ["--ignoreConfig", "--noCheck", "--target", "es2022", "--module", "esnext"];
  must(bin("tsc"), [source, ...how, "--moduleResolution", "bundler", "--outDir", out]);
  return import(join(root, out, "catalogue-examples.fixture.js"));
}

async function inNode() {
  const { portableEngine } = await import(join(root, "packages/node/dist/executor/portable-engine.js"));
  const engine = portableEngine();
  const found = [];
  for (const group of groups)
    found.push({
      name: group.name,
      ...(await consumed(
        group,
        (name) => new Uint8Array(readFileSync(at(name))),
        (bytes) => engine.open(bytes),
      )),
    });
  return found;
}

/** Without onnxruntime: adapting and predicting of each group as one module. */
async function asModules() {
  const { openWasmModule } = await import("@innerloop/graph");
  const found = [];
  for (const { module, ...group } of groups) {
    if (!module)
      throw new Error(`${group.name} has no module: write the cases anew with --consumers module, and clang`);
    const models = Object.fromEntries(Object.keys(group.models).map((name) => [name, module]));
    const opened = (await openWasmModule(new Uint8Array(readFileSync(at(module))))).functions;
    found.push({
      name: group.name,
      ...(await consumed(
        { ...group, models },
        (name) => new Uint8Array(readFileSync(at(name))),
        async (_bytes, name) => opened[name],
      )),
    });
  }
  return found;
}

function inPython() {
  const python = process.env.ONNXRUNTIME_PYTHON ?? join(root, "node_modules/.cache/onnx-venv/bin/python");
  return new Promise((done, fail) => {
    const script = join(root, "scripts/export-counts/consume.py");
    const child = spawn(python, [script, folder], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (part) => {
      text += part;
    });
    child.on("error", fail);
    child.on("exit", (code) => {
      if (code !== 0) return fail(new Error(`consume.py ended with ${code}`));
      // What is no number of JSON is infinite.
      done(
        text
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line.replace("Infinity", "1e999"))),
      );
    });
  });
}

async function inChromium(device) {
  const types = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm" };
  const builds = { wasm: "onnxruntime-web/wasm", webgpu: "onnxruntime-web/webgpu" };
  const bundles = { wasm: "ort.wasm.min.mjs", webgpu: "ort.webgpu.min.mjs" };
  const imports = { [builds[device]]: `/node_modules/onnxruntime-web/dist/${bundles[device]}` };
  const page = `<!doctype html><meta charset="utf-8"><script type="importmap">${JSON.stringify({ imports })}</script>`;
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    if (path === "/") return response.writeHead(200, { "content-type": "text/html" }).end(page);
    const file = path.startsWith("/cases/") ? at(path.slice(7)) : join(root, path);
    if (!existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" });
    createReadStream(file).pipe(response);
  }).listen(0, "127.0.0.1");
  await new Promise((listening) => server.on("listening", listening));
  const executablePath = process.env.CHROME_PATH ?? "/usr/bin/chromium";
  const args = ["--no-sandbox", ...(device === "webgpu" ? softwareGpu : [])];
  const browser = await chromium.launch({ executablePath, args, timeout: 0 });
  try {
    const tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${server.address().port}/`);
    const found = [];
    for (const group of groups) {
      const result = await tab.evaluate(inPage, { group, device });
      // JSON between page and here has no infinity.
      found.push({ name: group.name, ...result, difference: Number(result.difference) });
    }
    return found;
  } finally {
    await browser.close();
    server.close();
  }
}

/** In the page: one group of cases by the engine of @innerloop/web. */
async function inPage({ group, device }) {
  const [{ localEngine }, { consumed: run }] = await Promise.all([
    import("/packages/web/dist/engine.js"),
    import("/scripts/export-counts/consume.mjs"),
  ]);
  const setting = { device, build: device, threads: 1, wasmPaths: "/node_modules/onnxruntime-web/dist/" };
  globalThis.engine ??= await localEngine(setting);
  const { engine } = globalThis;
  globalThis.sessions ??= 0;
  const read = async (name) => new Uint8Array(await (await fetch(`/cases/${name}`)).arrayBuffer());
  const result = await run(group, read, async (bytes) => {
    const session = ++globalThis.sessions;
    await engine.open(session, bytes);
    return { run: (feeds) => engine.call(session, feeds), close: () => engine.release(session) };
  });
  return { ...result, difference: String(result.difference) };
}
