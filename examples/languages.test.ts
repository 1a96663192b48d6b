/** The programs that use an exported folder from other languages: they print what expected.safetensors has. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeArrays } from "innerloop/training";
import { afterAll, beforeAll, expect, test } from "vitest";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let folder: string;
const runs = {
  classes: ["hanzi", "--learner", "prototypical", "--filters", "4"],
  numbers: ["sinusoid", "--learner", "cnp", "--hidden", "8"],
} as const;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-languages-"));
  const innerloop = (...words: readonly string[]): string =>
    execFileSync(process.execPath, [path("../packages/node/bin/innerloop.js"), ...words, "--quiet"], {
      encoding: "utf8",
    });
  const small = ["--iterations", "2", "--validate-every", "0", "--workers", "1", "--skip-evaluation", "--run"];
  for (const [name, words] of Object.entries(runs)) {
    innerloop("train", ...words, ...small, join(folder, `run-${name}`));
    innerloop("export", join(folder, `run-${name}`), "-o", join(folder, name));
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `status 0`, then a list of numbers for each query. */
async function requireExpected(kind: keyof typeof runs, printed: string): Promise<void> {
  const { arrays } = decodeArrays(await readFile(join(folder, kind, "expected.safetensors")), "expected.safetensors");
  const { shape, data } = (arrays.probabilities ?? arrays.mean)!;
  const [status, ...rows] = printed.trim().split("\n");
  expect(status).toBe("status 0");
  const [queries, width] = shape as [number, number];
  expect(rows).toHaveLength(queries);
  rows.forEach((row, i) => {
    const expected = Array.from(data.slice(i * width, (i + 1) * width), Number);
    (JSON.parse(row) as number[]).forEach((value, c) => {
      expect(value, `${kind}, query ${i}`).toBeCloseTo(expected[c]!, 4);
    });
  });
}

const kinds = Object.keys(runs) as (keyof typeof runs)[];

test.for(kinds)("examples/python/few_shot.py: %s", async (kind, context) => {
  const candidates = [process.env.ONNXRUNTIME_PYTHON, path("../node_modules/.cache/onnx-venv/bin/python")];
  const python = candidates.find(
    (each) => each && existsSync(each) && spawnSync(each, ["-c", "import numpy, onnxruntime"]).status === 0,
  );
  if (!python)
    context.skip(
      "no Python with numpy and onnxruntime: scripts/onnx-checker-setup.sh, or ONNXRUNTIME_PYTHON names one",
    );
  const { stdout, stderr, status } = spawnSync(python!, [path("python/few_shot.py"), join(folder, kind)], {
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  await requireExpected(kind, stdout);
});

test.for(kinds)("examples/java/FewShot.java: %s", async (kind, context) => {
  const jar = process.env.ONNXRUNTIME_JAR;
  if (!jar || !existsSync(jar))
    context.skip("ONNXRUNTIME_JAR names no file: the jar com.microsoft.onnxruntime:onnxruntime of Maven Central");
  if (spawnSync("java", ["-version"]).status !== 0) context.skip("there is no java");
  const words = ["-cp", jar!, path("java/FewShot.java"), join(folder, kind)];
  const { stdout, stderr, status } = spawnSync("java", words, { encoding: "utf8" });
  expect(status, stderr).toBe(0);
  await requireExpected(kind, stdout);
});
