/** The programs of model cards: those of Python run with numpy and the reference evaluator of the onnx package in onnxruntime's place. */
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const python = fileURLToPath(new URL("../../../node_modules/.cache/onnx-venv/bin/python", import.meta.url));

/** A module of onnxruntime's name, where that itself is not there. */
const standIn = `
import json, sys, types
import numpy as np
try:
    import onnxruntime
except ImportError:
    from onnx.reference import ReferenceEvaluator
    module = types.ModuleType("onnxruntime")
    class InferenceSession:
        def __init__(self, path):
            self.session = ReferenceEvaluator(path)
        def get_outputs(self):
            return [types.SimpleNamespace(name=name) for name in self.session.output_names]
        def run(self, names, feeds):
            return self.session.run(names, feeds)
    module.InferenceSession = InferenceSession
    sys.modules["onnxruntime"] = module
names = {}
exec(open("README.md", encoding="utf-8").read().split("\`\`\`python")[1].split("\`\`\`")[0], names)
`;

/**
 * What the program of a folder's card has computed.
 *
 * @param expression of Python, of `names`: the program's variables by name
 */
export function ranCard<T>(folder: string, expression: string): T {
  const program = `${standIn}\nprint()\nprint(json.dumps(${expression}))\n`;
  const { stdout, stderr, status } = spawnSync(python, ["-c", program], { encoding: "utf8", cwd: folder });
  if (status !== 0) throw new Error(`the card's program ends with ${status}: ${stderr}`);
  return JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as T;
}

/**
 * What the program of a folder's card prints in Node, where `print` is put behind it.
 *
 * @param first lines before it, of what it takes to be there
 */
export async function ranNodeCard(
  folder: string,
  { first = "", print }: { readonly first?: string; readonly print: string },
): Promise<string> {
  const card = await readFile(join(folder, "README.md"), "utf8");
  const [imports = "", ...lines] = card.split("```js\n")[1]!.split("```")[0]!.split("\n");
  const program = [imports, `const DIR = ${JSON.stringify(folder)};`, first, ...lines, `console.log(${print});`];
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", program.join("\n")],
    { encoding: "utf8", cwd: fileURLToPath(new URL("../../..", import.meta.url)) },
  );
  if (status !== 0) throw new Error(`the card's program ends with ${status}: ${stderr}`);
  return stdout.trim();
}
