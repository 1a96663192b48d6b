import { readdirSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compilerModule } from "@innerloop/graph";
import { expect, onTestFinished, test } from "vitest";
import { compilerHash, hashCode } from "./compiler-hash.js";

test("names the code of this installation", () => {
  expect(compilerHash()).toMatch(/^[0-9a-f]{64}$/);
  expect(compilerHash()).toBe(compilerHash());
});

test("covers every stage of the compiler", () => {
  const folder = dirname(fileURLToPath(compilerModule));
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(["program", "transforms", "lowering", "runtime"]));
});

test("changes with any file of the code, and with nothing else", async () => {
  const folder = await mkdtemp(join(tmpdir(), "innerloop-code-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, "onnx"));
  await writeFile(join(folder, "index.js"), "export const a = 1;");
  await writeFile(join(folder, "onnx/encode.js"), "");
  const first = hashCode(folder);
  await writeFile(join(folder, "index.js.map"), "{}");
  await writeFile(join(folder, "index.d.ts"), "");
  await writeFile(join(folder, "index.test.ts"), "");
  expect(hashCode(folder)).toBe(first);
  const seen = new Set([first]);
  await writeFile(join(folder, "index.js"), "export const a = 2;");
  seen.add(hashCode(folder));
  await writeFile(join(folder, "onnx/encode.js"), "export const b = 1;");
  seen.add(hashCode(folder));
  await writeFile(join(folder, "onnx/emitter.js"), "");
  seen.add(hashCode(folder));
  await rm(join(folder, "index.js"));
  seen.add(hashCode(folder));
  expect(seen.size).toBe(5);
});
