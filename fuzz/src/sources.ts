/** Which modules of the packages open or decode outside bytes, by their imports and calls. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const packages = fileURLToPath(new URL("../../packages", import.meta.url));

/** What a module reads with. */
const signs: readonly (readonly [what: string, pattern: RegExp])[] = [
  [
    "reads files",
    /\b(readFile|readFileSync|createReadStream|open|openSync|opendir)\b[^}]*\} from "node:fs(\/promises)?"/,
  ],
  ["reads files", /regular-file\.js"/],
  ["inflates", /from "node:zlib"/],
  ["reads archives", /from "yauzl"/],
  ["decodes images", /import\("sharp"\)|from "sharp"/],
  ["parses JSON", /\bJSON\.parse\(/],
  ["parses XML", /from "sax"/],
  ["decodes text", /new TextDecoder\(/],
  ["decodes numbers", /new DataView\(|\.readU?Int(8|16|32|Big64)|\.read(UInt32|Float|Double)(LE|BE)/],
  ["fetches", /\bfetch\(/],
  ["runs code", /createJiti|node:vm/],
];

/** Modules below packages/ that read, with how: `node/src/data/formats/csv.ts`. Tests and fixtures are none. */
export function readingModules(): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const entry of readdirSync(packages, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(packages, path);
    if (!/^[a-z]+\/src\/.*\.ts$/.test(name) || /\.(test|fixture)\.ts$|\/testing\/|\/generated\//.test(name)) continue;
    const text = readFileSync(path, "utf8");
    const how = signs.filter(([, pattern]) => pattern.test(text)).map(([what]) => what);
    if (how.length > 0) found.set(name, [...new Set(how)]);
  }
  return found;
}

/** Modules that read what is not from outside, or that read it by another module, with the reason. */
export const exceptions: Readonly<Record<string, string>> = {
  "experiments/src/figures/pixel-image.ts": "writes an image of pixels that were computed",
  "node/src/data/pictures/drawn-detections.ts": "draws on pixels that letterboxed-pixels.ts has decoded",
  "experiments/src/exported/exported-folder.ts":
    "results of a run, which go through the reader that row-evaluations.ts has for them",
  "graph/src/runtime/compiled-model.ts":
    "entries of the model cache, which are handed to it once their checksum is right",
  "graph/src/runtime/native-model.ts":
    "programs that this process wrote, or entries of the model cache, which are handed to it once their checksum is right",
  "node/src/executor/native/native-programs.ts":
    "compiled programs in a folder that this user alone can write to, each by its digest; what it compiles this process wrote",
  "graph/src/runtime/wasm-model.ts": "writes only",
  "node/src/executor/native/wasm-compiler.ts": "modules that it has just had compiled in a folder of its own",
  "graph/src/lowering/protobuf.ts": "writes only",
  "node/src/cache/compiler-hash.ts": "our own code, to name entries of the cache by it",
  "node/src/cli/commands/reproduce-command.ts": "lines that a process of our own prints",
  "node/src/cli/commands/start-command.ts": "results that a training of this very command has written",
  "node/src/runs/versions.ts": "package.json of installed packages, whose code runs in this process",
  "node/src/data/store/atomic-write.ts": "writes only",
  "node/src/data/store/outside-command.ts":
    "hashes archives and wheels, of which nothing is read unless they are the published ones",
  "node/src/backbones/backbone-address.ts":
    "what an address brings goes through the readers of archives and of backbone folders",
  "node/src/backbones/backbone-store.ts": "writes, and copies a model that was read and checked",
  "node/src/backbones/encoder-process.ts":
    "the model file that was checked, by its hash, in a process of its own that may end in any way",
  "node/src/executor/onnxruntime.ts": "loads the installed onnxruntime",
  "mujoco/src/model-files.ts": "files of this package, by their hash",
  "mujoco/src/simulation.ts": "WebAssembly of the installed MuJoCo, whose code runs in this process",
  "web/src/images/decode-images.ts": "a browser fetches and decodes, as of any picture of a page",
  "web/src/load-exported.ts": "bytes within bounds, which go through the readers of exported files",
  "node/src/data/sets/glosses.ts": "a file of this package",
  "node/src/data/sets/hanzi.ts": "a file of this package",
  "node/src/data/sets/intents.ts": "files whose checksum is that of the published ones",
  "node/src/data/sets/known-texts.ts": "hashes files, of which nothing is read unless they are the published ones",
  "node/src/data/regular-file.ts": "opens files for the readers, which are fuzzed through it",
};
