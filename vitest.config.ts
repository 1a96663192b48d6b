import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Entry points below a package's root, each before the root: an alias goes for what begins with it. */
const entryPoints = (): Record<string, string> => ({
  ...Object.fromEntries(
    ["layers", "learners", "tasks", "training"].flatMap((name) => [
      [`@innerloop/core/${name}`, source(`packages/core/src/${name}/index.ts`)],
      [`innerloop/${name}`, source(`packages/innerloop/src/${name === "training" ? "node-training" : name}.ts`)],
    ]),
  ),
  "@innerloop/core/exported": source("packages/core/src/export/loading.ts"),
  "@innerloop/core/detection": source("packages/core/src/domains/detection/index.ts"),
  "innerloop/detection": source("packages/innerloop/src/detection.ts"),
  "@innerloop/core/reinforcement": source("packages/core/src/domains/reinforcement/index.ts"),
  "innerloop/reinforcement": source("packages/innerloop/src/reinforcement.ts"),
  "innerloop/exported": source("packages/innerloop/src/exported.ts"),
  "innerloop/experiments": source("packages/innerloop/src/experiments.ts"),
  "innerloop/graph": source("packages/innerloop/src/graph.ts"),
  "innerloop/node": source("packages/innerloop/src/machine.ts"),
});

const libraries = ["graph", "core", "experiments"].map((name) => `packages/${name}/src/**/*.test.ts`);

/** Files that take half a minute or more, the longest first: begun last, one would run on alone. */
const longest = [
  "packages/node/src/executor/reference-gradients.test.ts",
  "packages/node/src/executor/native/native-laws.test.ts",
  "packages/node/src/gradient-learners-on-characters.test.ts",
  "packages/node/src/learners-on-characters.test.ts",
  "packages/node/src/executor/worker-pool-executor.test.ts",
  "packages/node/src/training-memory.test.ts",
  "packages/node/src/privacy.test.ts",
  "packages/node/src/features.test.ts",
  "packages/node/src/executor/native/wasm-laws.test.ts",
  "packages/node/src/own-domain.test.ts",
  "packages/node/src/exported-programs.test.ts",
  "packages/node/src/exported-folders.test.ts",
  "packages/node/src/exported-catalogue.test.ts",
  "packages/web/src/exported.test.ts",
  "packages/node/src/exported-spans.test.ts",
  "packages/node/src/exported-wasm-kinds.test.ts",
  "packages/node/src/exported-wasm.test.ts",
  "packages/node/src/exported-ratings.test.ts",
  "packages/node/src/exported-policies.test.ts",
  "packages/node/src/hostile-export-kinds.test.ts",
  "packages/node/src/exported-detectors.test.ts",
  "fuzz/src/fuzz.test.ts",
  "packages/node/src/cli/command-line.test.ts",
  "packages/node/src/cli/evaluation.test.ts",
  "packages/node/src/cli/commands/reproduce-command.test.ts",
  "packages/node/src/preset-runs.test.ts",
  "packages/node/src/executor/webgpu.test.ts",
  "packages/node/src/executor/estimate-onnxruntime.test.ts",
  "packages/web/src/browser.test.ts",
  "packages/node/src/packaging.test.ts",
  "packages/mujoco/src/worker-runner.test.ts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = longest.findIndex((file) => moduleId.endsWith(file));
      return place < 0 ? longest.length : place;
    };
    const usual = await super.sort(files);
    return usual.toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}

/** Half a second of work takes half a minute on a slow and busy machine: limits are for tests that hang. */
const tenMinutes = 600_000;

export default defineConfig({
  resolve: {
    // Tests run the sources, not what was last built. (Worker threads do run the build: Node starts none from .ts.)
    alias: {
      "@innerloop/graph/testing": source("packages/graph/src/testing/index.ts"),
      "@innerloop/graph/wasm": source("packages/graph/src/wasm.ts"),
      "@innerloop/graph": source("packages/graph/src/index.ts"),
      ...entryPoints(),
      "@innerloop/core": source("packages/core/src/index.ts"),
      "@innerloop/experiments/exported": source("packages/experiments/src/exported/index.ts"),
      "@innerloop/experiments/published": source("packages/experiments/src/published/index.ts"),
      "@innerloop/experiments": source("packages/experiments/src/index.ts"),
      "@innerloop/models": source("packages/models/src/index.ts"),
      "@innerloop/mujoco": source("packages/mujoco/src/index.ts"),
      "@innerloop/web": source("packages/web/src/index.ts"),
      innerloop: source("packages/innerloop/src/node.ts"),
    },
  },
  test: {
    // No test reads or fills the user's own folders; those about the cache of models name a folder of their own.
    env: { INNERLOOP_CACHE: "off", INNERLOOP_CONFIG: join(tmpdir(), "innerloop-tests-config") },
    projects: [
      // What has no state and touches no machine: files share the modules that they import, which takes longer than most of them.
      {
        extends: true,
        test: { name: "library", include: libraries, isolate: false, execArgv: ["--max-semi-space-size=64"] },
      },
      {
        extends: true,
        test: {
          name: "machine",
          include: ["packages/*/src/**/*.test.ts", "examples/**/*.test.ts", "bench/*.test.ts", "fuzz/src/*.test.ts"],
          exclude: [...configDefaults.exclude, ...libraries],
        },
      },
    ],
    // Vitest would leave one core to itself, and of two that is half.
    maxWorkers: Math.min(availableParallelism(), Math.max(2, availableParallelism() - 1)),
    sequence: { sequencer: LongestFirst },
    testTimeout: tenMinutes,
    hookTimeout: tenMinutes,
    expect: { poll: { timeout: tenMinutes / 10 } },
  },
});
