/** For tests: a page without a build step, whose import map says where packages are. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The checkout: what the site of the tests serves. */
export const root = fileURLToPath(new URL("../../../..", import.meta.url));

type Condition = string | { readonly [condition: string]: Condition };

/** The file that a page gets: of conditions, what is neither for Node nor for types. */
function forPages(exported: Condition): string | undefined {
  if (typeof exported === "string") return exported;
  const { import: imported, default: otherwise } = exported;
  const next = imported ?? otherwise;
  return next === undefined ? undefined : forPages(next);
}

/** Imports by name as addresses, of what a package's package.json exports. */
function addressesOf(name: string): readonly (readonly [string, string])[] {
  const { exports } = JSON.parse(readFileSync(`${root}/node_modules/${name}/package.json`, "utf8")) as {
    exports: Readonly<Record<string, Condition>>;
  };
  return Object.entries(exports).flatMap(([entry, exported]) => {
    const file = forPages(exported);
    return file === undefined || /\.(json|wasm)$/.test(file)
      ? []
      : [[name + entry.slice(1), `/node_modules/${name}${file.slice(1)}`] as const];
  });
}

const packages = [
  "@innerloop/graph",
  "@innerloop/core",
  "@innerloop/experiments",
  "@innerloop/models",
  "@innerloop/web",
  "innerloop",
  "@noble/hashes",
  "onnxruntime-web",
  "@huggingface/tokenizers",
];

/** The text of the import map, which the page's policy names by its hash. */
export const importMap = JSON.stringify({ imports: Object.fromEntries(packages.flatMap(addressesOf)) });

/** The page. */
export const plainPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>test</title>
<script type="importmap">${importMap}</script>
<script type="module" src="/packages/web/src/testing/pages/page.mjs"></script>
</html>
`;
