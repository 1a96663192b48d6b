import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
/** A program without its layout, and with the number of iterations that main() gets as an argument. */
const flat = (code: string): string =>
  code
    .replace(/iterations: \d+/g, "iterations")
    .replace(/\s+/g, " ")
    .replaceAll(", }", " }");

test("programs in the documents are the examples that they name", () => {
  const pages = ["export", "language", "recommendation", "reinforcement"].map((name) => `docs/${name}.md`);
  const documents = ["README.md", ...pages].map(read).join("\n");
  const blocks = [...documents.matchAll(/<!-- (examples\/\S+) -->\n```[jt]s\n([\s\S]*?)```/g)];
  expect(blocks.length).toBeGreaterThan(0);
  for (const [, file, block] of blocks) {
    const program = flat(read(file!));
    for (const statement of block!.split(/(?<=;)\n+/).filter((part) => part.trim() !== "")) {
      expect(program, statement).toContain(flat(statement.trim()));
    }
  }
});

test("the documents link to files that are there", () => {
  const pages = ["export", "language", "recommendation", "reinforcement"].map((name) => `docs/${name}.md`);
  for (const document of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", ...pages]) {
    // Marks in place, as "[Berlin](city)", are code.
    const prose = read(document).replace(/^ {4}.*$/gm, "");
    for (const [, target] of prose.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      expect(existsSync(new URL(target!, new URL(`../${document}`, import.meta.url))), `${document}: ${target}`).toBe(
        true,
      );
    }
  }
});

test("docs/api says what the docstrings say, and each public name has one: run npm run docs", () => {
  const script = fileURLToPath(new URL("../scripts/api-reference.mjs", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [script, "--check"], { encoding: "utf8" });
  expect([stderr, status]).toEqual(["", 0]);
});

test("no test has a time limit of its own: vitest.config.ts has one for all", () => {
  const limit = /^ *\}, \d[\d_]*\);$|\b(?:test|it|describe)\b.*\{ timeout: \d/m;
  const folders = ["packages", "examples", "bench"].map((name) => new URL(`../${name}`, import.meta.url));
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => /\.(test|fixture)\.ts$/.test(path) && !path.includes("node_modules"))
      .map((path) => fileURLToPath(new URL(path, `${folder.href}/`))),
  );
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((file) => limit.test(readFileSync(file, "utf8")))).toEqual([]);
});
