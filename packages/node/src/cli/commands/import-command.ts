/** `innerloop import`: weights that were trained elsewhere as a run, held to outputs that they had there. */
import { basename } from "node:path";
import {
  type Argv,
  checkedExperiment,
  type Flags,
  findPreset,
  flagWords,
  type ImportSides,
  Interrupted,
  importSides,
  type MatchedParameter,
  type PreparedImport,
  prepareImport,
  requireUse,
  resolve,
  sideBySide,
  UsageError,
  untilStopped,
} from "@innerloop/experiments";
import { readWeightFile, type WeightFile } from "../../data/formats/weight-file.js";
import { experimentIn } from "../../runs/experiment-file.js";
import { type MapFile, readImportMap, writeImported } from "../../runs/imported-run.js";
import { inCommand, newRunPath, requirePlaceFor, shown } from "../../runs/run-folder.js";
import { versions } from "../../runs/versions.js";
import { outputOptions } from "../command.js";
import { commandName, commandText } from "../command-name.js";
import { watchInterruption } from "../interruption.js";
import { fewRuns, openExecutor } from "../open-executor.js";
import type { Output } from "../output.js";
import { commandHost, followed } from "../session-host.js";
import { columns, counted, hanging, roomIn, suggestions } from "../terminal.js";
import { machineOf } from "./eval-command.js";
import { importFiles } from "./import.js";
import type { InvocationOptions } from "./registry.js";

export interface ImportAsked {
  readonly file: string;
  readonly chosen: Flags;
  readonly invocation: InvocationOptions;
}

/** Makes a run of the weights in a file, or lists the names on both sides. */
export async function importCommand({ file, chosen, invocation }: ImportAsked, output: Output): Promise<void> {
  const { map: mapPath, out, dryRun } = invocation;
  if (mapPath === undefined || mapPath === "")
    throw new UsageError(
      "there is no --map",
      'Name the map: innerloop import FILE --map MAP.json; `{ "preset": NAME }` and --dry-run list the names to write it by',
    );
  const { device: _, workers: __, ...data } = chosen;
  const read = await readImportMap(mapPath);
  const { preset, flags } = experimentIn(read.experiment, mapPath, { ...importFiles, ...outputOptions });
  const found = findPreset(preset)!;
  requireUse(Object.keys(flags), resolve(found, {}, flags));
  const experiment = checkedExperiment(resolve(found, data, flags), preset, data);
  const weights = { ...(await readWeightFile(file, read.map.root)), shown: shown(file), name: basename(file) };
  const { config } = experiment;
  if (dryRun || !read.map.parameters) {
    const sides = await followed(commandHost(output), (host) => importSides({ config, weights }, host));
    saySides(sides, weights, output);
    return;
  }
  const path = out ?? (await newRunPath(`${preset}-imported`));
  await requirePlaceFor(path);
  const executor = await openExecutor({ ...machineOf(chosen), ...fewRuns }, output);
  const interruption = watchInterruption(output, "Stopping the import...");
  const { signal } = interruption;
  try {
    const prepared = await untilStopped(signal, () =>
      followed(commandHost(output, { signal }), (host) =>
        prepareImport(
          {
            ...{ config, experiment: preset, protocol: found.preset.protocol, chosen: { ...flags, ...data } },
            ...{ map: read.map, given: read.given, checked: read.checked, weights },
            argv: argvFor(file, mapPath, out, data),
            versions: versions(),
            created: new Date(),
          },
          { ...host, executor },
        ),
      ),
    );
    if (signal.aborted) throw new Interrupted();
    await writeImported(path, prepared);
    sayImported(prepared, { path, weights, read }, output);
  } finally {
    interruption.stopWatching();
    await executor.close();
  }
}

const argvFor = (file: string, map: string, out: string | undefined, data: Flags): Argv => [
  ...["import", file, "--map", map],
  ...(out === undefined ? [] : ["-o", out]),
  ...flagWords(data),
];

type NamedWeights = WeightFile & { readonly shown: string };

/** The names and shapes on both sides, so that a map can be written by them. */
function saySides({ ours, theirs }: ImportSides, { others }: NamedWeights, output: Output): void {
  output.event({ type: "sides", run: ours, file: theirs, others });
  output.result(
    sideBySide(ours, theirs)
      .map((line) => `  ${line}`)
      .join("\n"),
  );
  output.say();
  if (others.length > 0)
    output.say(`  ${counted(others.length, "entry of it that is no tensor", "entries of it that are no tensors")}`);
  output.say(
    `  ${hanging('Nothing is written. In the map "parameters" names a tensor of the file for each of the run, and "ignored" what is not needed: docs/import.md.', roomIn(), 2)}`,
  );
}

/** Names that are told of those left out. */
const fewNames = 3;

function sayImported(
  { config, matched, leftOut, difference }: PreparedImport,
  { path, weights, read }: { readonly path: string; readonly weights: NamedWeights; readonly read: MapFile },
  output: Output,
): void {
  const of = (each: MatchedParameter): readonly string[] => [
    each.path,
    `[${each.shape.join(", ")}]`,
    each.from ?? "",
    each.how,
  ];
  output.event({ type: "imported", folder: shown(path), difference, parameters: matched, leftOut });
  output.result(
    columns([["parameter", "shape", "of", "layout"], ...matched.map(of)], [0, 1, 2, 3], 3)
      .map((line) => `  ${line.trimEnd()}`)
      .join("\n"),
  );
  output.say();
  for (const why of new Set(leftOut.map((each) => each.why))) {
    const names = leftOut.filter((each) => each.why === why).map(({ name }) => name);
    const more = names.length > fewNames ? ` and ${names.length - fewNames} more` : "";
    output.say(
      output.paint(
        "dim",
        `  ${hanging(`left out, ${why}: ${names.slice(0, fewNames).join(", ")}${more}`, roomIn(), 2)}`,
      ),
    );
  }
  if (weights.others.length > 0)
    output.say(
      output.paint(
        "dim",
        `  left out: ${counted(weights.others.length, "entry that is no tensor", "entries that are no tensors")}`,
      ),
    );
  const after = read.map.check?.support ? "after adapting to the given examples" : "of the network";
  output.result(
    `  outputs ${after} differ from those in ${read.checked!.shown} by ${difference === 0 ? "0" : difference.toExponential(1)} of the largest at most`,
  );
  output.result(`  Run folder: ${shown(path)}`);
  output.say();
  const word = inCommand(path);
  const next: [string, string][] = [
    [`${commandName()} eval ${word}`, "held-out tasks, beside baselines"],
    [
      `${commandName()} ${commandText(["export", path], { out: `exported/${config.experiment}` })}`,
      "programs for anywhere",
    ],
  ];
  if (!output.quiet) output.result(suggestions(next, { room: roomIn(), indent: 2, paint: output.paint }).join("\n"));
}
