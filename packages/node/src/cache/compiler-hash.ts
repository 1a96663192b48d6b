import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { compilerModule } from "@innerloop/graph";

let known: string | undefined;

/**
 * A name for the code that makes models of graphs: SHA-256 of the files of @innerloop/graph, and of the JavaScript
 * engine, whose arithmetic constants are folded with. Unlike a version number it also changes while somebody works on
 * the code.
 *
 * @throws where the code is not in files of its own (a bundled program)
 */
export function compilerHash(): string {
  known ??= hashCode(dirname(fileURLToPath(compilerModule)));
  return known;
}

/** SHA-256 of the names and contents of all code in a folder, tests left out, and of the engine's version. */
export function hashCode(folder: string): string {
  const hash = createHash("sha256").update(process.versions.v8);
  for (const file of codeFiles(folder)) {
    const code = readFileSync(join(folder, file));
    hash.update(`\n${file} ${code.length}\n`).update(code);
  }
  return hash.digest("hex");
}

function codeFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.[jt]s$/.test(entry.name) && !/\.(d|test|fixture)\.ts$/.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}
