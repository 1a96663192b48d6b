/** `innerloop export` and `innerloop verify`: a run's learner as a folder of programs, and the proof that it is one. */
import {
  bytes,
  type ExportedConfig,
  exportedKindOf,
  type Flags,
  Interrupted,
  prepareExport,
  UsageError,
  untilStopped,
  verifyExport,
} from "@innerloop/experiments";
import { machineIo } from "../../data/machine-io.js";
import { compileWasm, findWasmCompiler, noWasmCompiler } from "../../executor/native/wasm-compiler.js";
import { portableEngine } from "../../executor/portable-engine.js";
import { exportedFilesIn, exportedFolder, requireExportPlace, writeExported } from "../../runs/exported-folder.js";
import { inCommand, shown } from "../../runs/run-folder.js";
import { versions } from "../../runs/versions.js";
import { watchInterruption } from "../interruption.js";
import { fewRuns, openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { openRunFor } from "../run-experiment-file.js";
import { commandHost, followed } from "../session-host.js";
import { columns, counted, hanging, roomIn } from "../terminal.js";
import { machineOf } from "./eval-command.js";
import type { InvocationOptions } from "./registry.js";

export interface ExportRequested {
  readonly folder: string;
  readonly chosen: Flags;
  readonly invocation: InvocationOptions;
}

/** Writes a run's learner as programs, and says what was written. */
export async function exportCommand({ folder, chosen, invocation }: ExportRequested, output: Output): Promise<void> {
  const { device: _, engine: __, workers: ___, ...data } = chosen;
  const { out, maxSupport, queries, fixed, floatInput, wasm, checkpoint, license } = invocation;
  const { title, credits, datasets, results } = invocation;
  if (out === undefined || out === "")
    throw new UsageError("there is no -o", "Name the folder to write: innerloop export RUN -o exported/mine");
  const run = await openRunFor(folder, output);
  await requireExportPlace(out);
  const compiler = wasm ? await findWasmCompiler() : undefined;
  if (wasm && !compiler) throw noWasmCompiler();
  const executor = await openExecutor({ ...machineOf(chosen), ...fewRuns }, output);
  const interruption = watchInterruption(output, "Stopping the export...");
  const { signal } = interruption;
  const { innerloop = "", onnxruntime = "" } = versions();
  try {
    const prepared = await untilStopped(signal, () =>
      followed(commandHost(output, { signal }), (host) =>
        prepareExport(
          {
            ...{ run, chosen: data, checkpoint, maxSupport, queries, floatInput, unrolled: fixed },
            compileWasm: compiler && ((sources) => compileWasm(compiler, sources)),
            card: { license, title, credits, datasets, results },
            versions: { innerloop, onnxruntime },
          },
          { ...host, executor },
        ),
      ),
    );
    const { config, files, notes } = prepared;
    const engine = portableEngine();
    const { difference, tasks } = await writeExported(out, files, async (written) => {
      const found = await prepared.check(written, engine);
      if (signal.aborted) throw new Interrupted();
      return found;
    });
    for (const note of notes) output.say(output.paint("dim", `  ${hanging(note, roomIn(), 2)}`));
    const sizes = Object.entries(files).map(([name, content]) => ({ name, bytes: content.length }));
    output.event({ type: "exported", folder: shown(out), run: shown(run.path), difference, tasks, files: sizes });
    output.result(filesTable(sizes));
    output.say();
    output.say(
      `  ${counted(tasks, "held-out task")} through these files and through the run: the largest difference is ${shareText(difference)} of the largest answer.`,
    );
    output.say();
    output.say(`  ${hanging(whatNext(config, out, license), roomIn(), 2)}`);
  } finally {
    interruption.stopWatching();
    await executor.close();
  }
}

/** `0`, `3.1e-7` */
const shareText = (share: number): string => (share === 0 ? "0" : share.toExponential(1));

const filesTable = (files: readonly { readonly name: string; readonly bytes: number }[]): string => {
  const total = files.reduce((sum, each) => sum + each.bytes, 0);
  const rows = [...files.map(({ name, bytes: n }) => [name, bytes(n)]), ["all", bytes(total)]];
  return columns(rows, [0], 3)
    .map((line) => `  ${line}`)
    .join("\n");
};

function whatNext(config: ExportedConfig, out: string, license: string | undefined): string {
  const { given } = exportedKindOf(config.answers).words(config);
  return `Written: ${shown(out)}. Its README.md says how to use it from Python and Node with a few examples and their ${given}; \`innerloop verify ${inCommand(out)}\` checks it wherever it is.${license === undefined ? " State a license in README.md before you publish it, or give --license." : ""}`;
}

/** Checks an exported folder, and says what was found. */
export async function verifyCommand(folder: string, output: Output): Promise<void> {
  const engine = portableEngine();
  const verified = await verifyExport(exportedFilesIn(await exportedFolder(folder)), engine, machineIo);
  const { config, difference, files, bytes: size } = verified;
  const { learner, answers, support } = config;
  output.event({ type: "verified", folder: shown(folder), learner, difference, files, bytes: size });
  const { most } = exportedKindOf(answers).words(config);
  output.result(`  ${learner}: up to ${counted(support, "example")}${most === "" ? "" : `, ${most}`}`);
  output.result(`  ${counted(files, "file")} of ${bytes(size)}, each as config.json tells it by its SHA-256`);
  output.result(
    `  the largest difference from the expected answers is ${shareText(difference)} of the largest of them`,
  );
}
