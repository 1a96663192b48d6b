// npm run test:install: packs the packages, installs them in a project of its own beside the tools that people build and
// test with, and trains and adapts through each. Arguments choose tools: npm run test:install -- webpack next
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { prepare, root } from "./workspace.mjs";

const external = "--external:@innerloop/node";

/** What each way of use needs, and how it is tried in the project's folder. */
const cases = {
  esm: { tools: {}, run: () => node("program.mjs") },
  commonjs: { tools: {}, run: () => node("program.cjs") },
  esbuild: {
    tools: { esbuild: "0.28.2" },
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
        external,
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
    tools: { typescript: "5.9.3", "@types/node": "20.19.43" },
    run: () => {
      for (const [module, resolution, ...files] of [
        ["commonjs", "node10", "types.ts"],
        // A CommonJS file that requires an ECMAScript module is refused by node16, and taken by nodenext.
        ["node16", "node16", "types.mts"],
        ["nodenext", "nodenext", "types.mts", "types.ts"],
        ["esnext", "bundler", "types.ts"],
      ]) {
        const settings = ["--module", module, "--moduleResolution", resolution, "--target", "es2022"];
        npx("tsc", "--noEmit", "--strict", ...settings, ...files);
      }
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
const folder = mkdtempSync(join(tmpdir(), "innerloop-install-"));
let environment = {};
try {
  install();
  writePrograms();
  for (const name of names) {
    const start = performance.now();
    environment = cases[name].environment ?? {};
    cases[name].run();
    console.log(`${name}: trains and adapts, ${seconds(start)}`);
  }
} catch (error) {
  // What a tool printed is what tells why.
  console.error(`${error.message}\n${error.stdout ?? ""}\n${error.stderr ?? ""}`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function install() {
  const start = performance.now();
  run("npm", ["pack", "--workspaces", "--pack-destination", folder, "--loglevel=error"], root);
  const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  const tools = Object.assign({}, ...names.map((name) => cases[name].tools));
  write("package.json", JSON.stringify({ private: true }));
  run("npm", [
    "install",
    // onnxruntime-node's script fetches CUDA libraries, which the CPU does not need.
    ..."--ignore-scripts --no-audit --no-fund --prefer-offline --save-exact --loglevel=error".split(" "),
    ...tarballs.map((name) => `./${name}`),
    ...Object.entries(tools).map(([name, version]) => `${name}@${version}`),
  ]);
  console.log(`installed with ${Object.keys(tools).join(", ") || "nothing else"}, ${seconds(start)}`);
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
  const types = `import { type Learner, maml, meanSquaredError, mlp, sgd } from "innerloop";
import { createExecutor, type Device } from "@innerloop/node";
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
    externalsType: "module", externals: ["@innerloop/node"] },
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
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

/** Runs a command in the project; its output is shown where it fails. */
function run(command, args, cwd = folder) {
  const env = { ...process.env, ...environment };
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
