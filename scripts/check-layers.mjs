// Keeps the dependencies pointing one way: innerloop -> node -> experiments -> core -> graph, web -> experiments, mujoco ->
// core, node and web -> models, and within graph from stage to stage, by reading imports: those of types, and import(), too. And keeps files to a length that can be read.
import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** Packages of ours that each package may import. */
const allowed = {
  graph: [],
  core: ["@innerloop/graph"],
  experiments: ["@innerloop/graph", "@innerloop/core"],
  models: [],
  mujoco: ["@innerloop/core"],
  node: ["@innerloop/graph", "@innerloop/core", "@innerloop/experiments", "@innerloop/models", "@innerloop/mujoco"],
  innerloop: ["@innerloop/graph", "@innerloop/core", "@innerloop/experiments", "@innerloop/node"],
  web: ["@innerloop/graph", "@innerloop/core", "@innerloop/experiments", "@innerloop/models"],
};
/** What else the pages of a package's tests import: as users' pages do. */
const inPages = { web: ["innerloop"] };
/** Packages of ours that run without Node, and the npm packages that each may import: none that needs it. */
const withoutNode = {
  graph: ["@noble/hashes"],
  core: ["@noble/hashes"],
  experiments: ["@noble/hashes"],
  models: [],
  web: ["onnxruntime-web"],
};
/** Stages of a package: its folders, and those of them that each may import. All may import `errors.ts` beside them. */
const stages = {
  graph: {
    program: [],
    transforms: ["program"],
    lowering: ["program"],
    native: ["program"],
    runtime: ["program", "transforms", "lowering", "native"],
    reference: ["program"],
  },
};
const ours = new Set();
/** What packages of ours can be imported by: their names and those of their entry points. */
const entryPoints = new Set();
for (const folder of Object.keys(allowed)) {
  const { name, exports } = JSON.parse(readFileSync(join(root, "packages", folder, "package.json"), "utf8"));
  ours.add(name);
  for (const entry of Object.keys(exports)) if (!entry.endsWith(".json")) entryPoints.add(`${name}${entry.slice(1)}`);
}
/** Packages of outside that one package of ours alone may import: who has no use for it does not install them. */
const only = { "@mujoco/mujoco": "mujoco" };
/** The one file that loads the engine, tests included: after its telemetry is off, so by import(). */
const engineFile = "packages/node/src/executor/onnxruntime.ts";
/** The one that loads that of browsers: by import() where bundlers follow it, or by the address that a page gives. */
const webEngineFile = "packages/web/src/engine.ts";
/** The one that opens modules in a worker: by import() as well, of a part of ours or by its address. */
const webModuleFile = "packages/web/src/wasm-worker.ts";
/** The one that names a package by data, so that bundlers leave it where it is: docs/decisions/0001-default-executor.md. */
const offerFile = "packages/innerloop/src/offered-executor.ts";
const ownName = (folder) => (folder === "innerloop" ? folder : `@innerloop/${folder}`);
const isEngine = (name) => name.startsWith("onnxruntime");
const isTest = (file) => /\.(test|fixture)\.ts$/.test(file) || file.includes("/testing/");

const problems = [];
const files = Object.keys(allowed).flatMap((name) => sources(join(root, "packages", name, "src")));
/** What each file imports when it is loaded, and in packages of stages what it imports for types alone as well. */
const graphOfFiles = new Map();

for (const file of files) {
  const path = relative(root, file);
  const name = path.split("/")[1];
  const local = [];
  for (const { specifier, typeOnly, dynamic } of imports(readFileSync(file, "utf8"))) {
    if (specifier === undefined) {
      if (![engineFile, webEngineFile, webModuleFile, offerFile].includes(path) && !isTest(path))
        problems.push(`${path}: import() of a name that cannot be read here`);
      continue;
    }
    if (specifier.startsWith(".")) {
      const target = resolve(dirname(file), specifier.replace(/\.js$/, ".ts"));
      if (relative(join(root, "packages", name), target).startsWith(".."))
        problems.push(`${path}: imports ${specifier} from another package`);
      if (stages[name] && !isTest(path)) {
        const fault = stageFault(stages[name], ...[file, target].map((each) => stageOf(name, each)));
        if (fault) problems.push(`${path}: imports ${specifier}; ${fault}`);
      }
      // What import() loads comes later: no circle that modules are evaluated in.
      if (!dynamic && (stages[name] || !typeOnly)) local.push(target);
      continue;
    }
    const parts = specifier.split("/");
    const owner = specifier.startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
    const loader = owner === "onnxruntime-node" ? engineFile : webEngineFile;
    // Tests in Node run the engine of browsers, too.
    const isFree = typeOnly || (owner !== "onnxruntime-node" && isTest(path));
    if (isEngine(owner) && !isFree && !(dynamic && path === loader))
      problems.push(`${path}: imports ${specifier}; only ${loader} may, by import()`);
    if (only[owner] && only[owner] !== name)
      problems.push(`${path}: imports ${specifier}; only package ${only[owner]} may`);
    if (!ours.has(owner)) {
      const may = isTest(path) ? undefined : withoutNode[name];
      if (may && (isBuiltin(specifier) || !may.includes(owner)))
        problems.push(`${path}: imports ${specifier}; package ${name} runs without Node`);
      continue;
    }
    const deep = !entryPoints.has(specifier) && !(isTest(path) && specifier === `${owner}/testing`);
    // Its tests use a package as others do.
    const isOwn = isTest(path) && (owner === ownName(name) || inPages[name]?.includes(owner));
    if (!isOwn && !allowed[name].includes(owner)) problems.push(`${path}: package ${name} may not import ${specifier}`);
    else if (deep) problems.push(`${path}: imports ${specifier}, which is no entry point of ${owner}`);
  }
  graphOfFiles.set(file, local);
}

/** A file past this is several: generated code is not read. */
const mostLines = 600;
for (const file of [
  ...files,
  ...["bench", "examples", "fuzz/src", "scripts"].flatMap((each) => sources(join(root, each))),
]) {
  const lines = readFileSync(file, "utf8").trimEnd().split("\n").length;
  if (lines > mostLines && !file.split(/[\\/]/).includes("generated"))
    problems.push(`${relative(root, file)}: has ${lines} lines, of ${mostLines} at most`);
}

for (const cycle of cycles(graphOfFiles))
  problems.push(`cycle: ${cycle.map((file) => relative(root, file)).join(" -> ")}`);

for (const problem of problems) console.error(problem);
console.log(`layers: ${files.length} files, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => !/[\\/](dist|node_modules)[\\/]/.test(file));
}

/** The folder below src that a file lies in; its own name where it lies in none: `errors.ts`. */
function stageOf(name, file) {
  return relative(join(root, "packages", name, "src"), file).split(/[\\/]/)[0];
}

/** Why a file of one stage may not import one of another; undefined where it may. */
function stageFault(table, from, to) {
  if (from.endsWith(".ts") || to === from || to === "errors.ts") return undefined;
  if (!table[from]) return `${from}/ has no row in the table of stages`;
  const others = table[from].map((stage) => `${stage}/`).join(", ");
  return table[from].includes(to) ? undefined : `${from}/ may import ${others || "no other stage"}`;
}

/**
 * Specifiers of all import and export ... from statements, and of import("..."): undefined where that is no string in
 * double quotes.
 */
function imports(text) {
  const found = [];
  const dynamic = /\b(typeof\s+)?import\(\s*(?:\/\*.*?\*\/\s*)*(?:"([^"]+)"|[^\s")])/g;
  for (const [, typeOnly, specifier] of text.matchAll(dynamic))
    found.push({ specifier, typeOnly: Boolean(typeOnly), dynamic: !typeOnly });
  const pattern = /^\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm;
  for (const [, typeOnly, specifier] of text.matchAll(pattern))
    found.push({ specifier, typeOnly: Boolean(typeOnly), dynamic: false });
  return found;
}

function cycles(edges) {
  const state = new Map();
  const found = [];
  const walk = (file, trail) => {
    if (state.get(file) === "done" || !edges.has(file)) return;
    if (state.get(file) === "open") {
      found.push([...trail.slice(trail.indexOf(file)), file]);
      return;
    }
    state.set(file, "open");
    for (const target of edges.get(file)) walk(target, [...trail, file]);
    state.set(file, "done");
  };
  for (const file of edges.keys()) walk(file, []);
  return found;
}
