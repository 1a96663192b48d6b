import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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
    "@innerloop/node",
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
      ]),
    );
    const strangers = paths.filter((path) => /\.(test|fixture)\.|\/testing\/|tsbuildinfo|made-up/.test(path));
    expect(strangers, name).toEqual([]);
  }
});

test("installed in an empty folder, an example of the README runs", () => {
  const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  expect(tarballs).toHaveLength(5);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
  // onnxruntime-node's script fetches CUDA libraries, which the CPU does not need.
  npm(
    [
      "install",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--prefer-offline",
      ...tarballs.map((name) => `./${name}`),
    ],
    folder,
  );
  copyFileSync(join(root, "examples", "sinusoid.ts"), join(folder, "sinusoid.ts"));
  const output = execFileSync("npx", ["--no-install", "jiti", "sinusoid.ts"], { cwd: folder, encoding: "utf8" });
  expect(output).toMatch(/\d/);
  const version = execFileSync("npx", ["--no-install", "innerloop", "--version"], { cwd: folder, encoding: "utf8" });
  expect(version.trim()).toMatch(/^innerloop \d+\.\d+\.\d+$/);
});
