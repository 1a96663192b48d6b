import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    // Tests run the sources, not what was last built. (Worker threads do run the build: Node starts none from .ts.)
    alias: {
      "@innerloop/graph/testing": source("packages/graph/src/testing/index.ts"),
      "@innerloop/graph": source("packages/graph/src/index.ts"),
      innerloop: source("packages/innerloop/src/index.ts"),
    },
  },
  test: {
    // No test reads or fills the user's own folders; those about the cache of models name a folder of their own.
    env: { INNERLOOP_CACHE: "off", INNERLOOP_CONFIG: join(tmpdir(), "innerloop-tests-config") },
    include: ["packages/*/src/**/*.test.ts", "examples/**/*.test.ts", "bench/*.test.ts", "fuzz/src/*.test.ts"],
  },
});
