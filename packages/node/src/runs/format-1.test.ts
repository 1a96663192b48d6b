/** Run folders of before options were nested: they open, are evaluated, and go on to what they would have come to. */
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeSafetensors } from "@innerloop/core/training";
import { type Flags, parseRunConfig, resolvePreset, runFormat, withEngine } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Interrupted } from "../cli/cli-error.js";
import { collected } from "../cli/collected-output.fixture.js";
import { evalCommand } from "../cli/commands/eval-command.js";
import { trainCommand } from "../cli/commands/train-command.js";
import { openRun } from "./run-folder.js";

interface Recorded {
  readonly config: Readonly<Record<string, unknown>>;
  /** Checkpoints after 2 updates, in base64. */
  readonly stopped: { readonly last: string; readonly best?: string };
  /** The last checkpoint of the same run without a stop. */
  readonly finished: string;
  /** Losses by which the finished run was evaluated. */
  readonly figures: readonly { readonly steps: number; readonly loss: number }[];
}

interface Command {
  readonly preset: string;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
}

const fixture = JSON.parse(readFileSync(new URL("fixtures/format-1.json", import.meta.url), "utf8")) as {
  readonly table: readonly string[];
  readonly experiment: string;
  readonly runs: Readonly<Record<"sinusoid" | "hanzi" | "table" | "file", Recorded>>;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly commands: readonly Command[];
};

let place: string;
beforeAll(async () => {
  if (!existsSync(new URL("../../dist/executor/worker.js", import.meta.url)))
    throw new Error("Build first: npm run build");
  place = await mkdtemp(join(tmpdir(), "innerloop-format-1-"));
  vi.stubEnv("INNERLOOP_CONFIG", join(place, "config"));
  await writeFile(join(place, "rides.csv"), `${fixture.table.join("\n")}\n`);
  await writeFile(join(place, "experiment.ts"), fixture.experiment);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(place, { recursive: true, force: true });
});

const names = Object.keys(fixture.runs) as (keyof typeof fixture.runs)[];
const configText = ({ config }: Recorded): string => JSON.stringify(config).replaceAll("PLACE", place);

/** A folder as the earlier program left it. */
async function putRun(name: keyof typeof fixture.runs, folder: string): Promise<string> {
  const recorded = fixture.runs[name];
  const path = join(place, folder);
  await mkdir(join(path, "checkpoints"), { recursive: true });
  await writeFile(join(path, "config.json"), configText(recorded));
  for (const [checkpoint, base64] of Object.entries(recorded.stopped))
    await writeFile(join(path, `checkpoints/${checkpoint}.safetensors`), Buffer.from(base64, "base64"));
  return path;
}

const lastOf = (path: string): Promise<Buffer> => readFile(join(path, "checkpoints/last.safetensors"));
/** The experiment file is named again: no earlier program has kept here that it was. */
const fileOf = (name: string): string | undefined => (name === "file" ? join(place, "experiment.ts") : undefined);
const resumed = (name: string, resume: string): Promise<string> =>
  trainCommand({ target: fileOf(name), chosen: {}, invocation: { resume, skipEvaluation: true } }, collected().output);

function requireAlike(found: Uint8Array, expected: Uint8Array): void {
  const [mine, others] = [found, expected].map((bytes) => decodeSafetensors(bytes).tensors);
  expect(Object.keys(mine!).sort()).toEqual(Object.keys(others!).sort());
  for (const [path, tensor] of Object.entries(others!)) {
    const values = Array.from(mine![path]!.data as Float32Array, Number);
    const scale = Math.max(1e-12, ...Array.from(tensor.data as Float32Array, (value) => Math.abs(Number(value))));
    Array.from(tensor.data as Float32Array, Number).forEach((value, i) => {
      expect(Math.abs(values[i]! - value) / scale, `${path} ${i}`).toBeLessThan(1e-4);
    });
  }
}

describe.each(names)("an earlier run folder of %s", (name) => {
  it("opens, with the options that it was begun with", async () => {
    const { config } = await openRun(await putRun(name, `opened-${name}`));
    const recorded = JSON.parse(configText(fixture.runs[name]));
    expect(config).toMatchObject({ chunkSize: 2, workers: 1, protocol: recorded.protocol, created: recorded.created });
    for (const option of ["iterations", "metaBatch", "evalTasks", "evalSteps", "seed", "schedule"])
      if (option in recorded.options) expect(config.options[option], option).toEqual(recorded.options[option]);
    expect(config.command).toBe(recorded.command);
    if (name === "file") expect(config).toMatchObject({ file: recorded.file, settings: { training: { seed: 0 } } });
    else expect(config.config!.domain.data).toBe(recorded.options.data);
    expect(config.config === undefined).toBe(name === "file");
  });

  it("goes on to what it would have come to, and is of the present format then", async () => {
    const path = await putRun(name, `resumed-${name}`);
    await resumed(name, path);
    requireAlike(await lastOf(path), Buffer.from(fixture.runs[name].finished, "base64"));
    const before = JSON.parse(await readFile(join(path, "config.json"), "utf8"));
    // Nothing of it was changed, but for a file that was named again.
    expect(before.format).toBe(name === "file" ? runFormat : "innerloop run 1");
    await trainCommand(
      { target: undefined, chosen: { evalTasks: 5 }, invocation: { resume: path, skipEvaluation: true } },
      collected().output,
    );
    const after = await readFile(join(path, "config.json"), "utf8");
    expect(JSON.parse(after).format).toBe(runFormat);
    const [{ config: now }, then] = [
      await openRun(path),
      parseRunConfig(configText(fixture.runs[name]), "config.json"),
    ];
    expect(now.config?.domain).toEqual(then.config?.domain);
    expect(now.settings.evaluation).toEqual({ ...then.settings.evaluation, evalTasks: 5 });
    expect(now.data).toEqual(then.data);
  });

  it("is evaluated as it was", async () => {
    const path = await putRun(name, `evaluated-${name}`);
    await writeFile(join(path, "checkpoints/last.safetensors"), Buffer.from(fixture.runs[name].finished, "base64"));
    if (name === "file") await resumed(name, path);
    const { output, last } = collected();
    const invocation = { checkpoint: "last", skipBaselines: true } as const;
    await evalCommand({ folder: path, chosen: { workers: 1 }, invocation }, output);
    const { evaluations } = last() as unknown as {
      evaluations: { rows: { steps: number; figures: Record<string, { mean: number }> }[] }[];
    };
    const { figures } = fixture.runs[name];
    expect(evaluations[0]!.rows.map(({ steps }) => steps)).toEqual(figures.map(({ steps }) => steps));
    evaluations[0]!.rows.forEach((row, i) => {
      const [loss] = Object.values(row.figures);
      expect(loss!.mean / figures[i]!.loss).toBeCloseTo(1, 4);
    });
  });

  it("that is resumed ends with the bytes of a run that was not stopped", async () => {
    const { config } = fixture.runs[name];
    const flags = flagsOf(config.options as Readonly<Record<string, unknown>>, name);
    const target = fileOf(name) ?? name;
    const [whole, stopped] = [join(place, `whole-${name}`), join(place, `stopped-${name}`)];
    await trainCommand({ target, chosen: flags, invocation: { run: whole, skipEvaluation: true } }, collected().output);
    const { output } = collected();
    const event = (each: Readonly<Record<string, unknown>>): void => {
      if (each.type === "iteration" && each.iteration === 2) process.emit("SIGINT");
    };
    const stopping = trainCommand(
      { target, chosen: flags, invocation: { run: stopped, skipEvaluation: true } },
      { ...output, event },
    );
    await expect(stopping).rejects.toThrow(Interrupted);
    const halfway = await lastOf(stopped);
    expect(halfway.equals(await lastOf(whole))).toBe(false);
    // As the earlier program would have written it.
    const present = JSON.parse(await readFile(join(stopped, "config.json"), "utf8"));
    expect(present.format).toBe(runFormat);
    await writeFile(join(stopped, "config.json"), configText(fixture.runs[name]));
    await cp(stopped, `${stopped}-again`, { recursive: true });
    await resumed(name, `${stopped}-again`);
    expect((await lastOf(`${stopped}-again`)).equals(await lastOf(whole))).toBe(true);
  });
});

/** What of the recorded options a command gives for a run as short as these. */
function flagsOf(options: Readonly<Record<string, unknown>>, name: string): Flags {
  const brief = ["metaBatch", "iterations", "validateEvery", "validationTasks", "workers", "chunk", "evalTasks"];
  const own = {
    sinusoid: ["hidden"],
    hanzi: ["filters", "blocks"],
    table: ["groupColumn", "shots", "queries", "hidden"],
    file: [],
  }[name]!;
  const flags = Object.fromEntries([...brief, "evalSteps", ...own].map((option) => [option, options[option]]));
  return name === "table" ? { ...flags, data: join(place, "rides.csv"), target: ["fare"] } : flags;
}

describe("options of the earlier format", () => {
  const recorded = fixture.runs.sinusoid.config;
  const parsed = (options: unknown, more: object = {}) =>
    parseRunConfig(JSON.stringify({ ...recorded, data: undefined, ...more, options }), "config.json").config;

  /** A text with the columns that it lists; 0 and an empty text left out. */
  const asNow = (flags: Readonly<Record<string, unknown>>): Flags =>
    Object.fromEntries(
      Object.entries(flags).map(([name, value]) => {
        if (name === "target" || name === "inputs") return [name, String(value).split(/, ?/)];
        return [name, value === 0 && name === "clip" ? undefined : value];
      }),
    );

  it.each(fixture.commands.map((command) => [`${command.preset} ${JSON.stringify(command.flags)}`, command] as const))(
    "are those that the same command has now, but for the engine, of which there was one: %s",
    (_, { preset, flags, options }) => {
      const now = withEngine(resolvePreset(preset, asNow(flags)), "onnxruntime");
      expect(parsed({ ...fixture.defaults, ...options })).toStrictEqual(now);
    },
  );

  it("that are none, or stand for no data, are refused", () => {
    const { options } = recorded as { readonly options: object };
    const refused = (changed: object) => expect(() => parsed({ ...options, ...changed }));
    refused({ wayz: 5 }).toThrow(/^ILN04 .*options has the unknown option "wayz"/);
    refused({ innerRate: 0 }).toThrow(/^ILN04 .*innerRate in options is 0/);
    refused({ steps: 0 }).toThrow(/^ILN04 .*steps in options is 0/);
    refused({ learner: "mamml" }).toThrow(/^ILN04 .*learner in options is "mamml"/);
    refused({ model: 3 }).toThrow(/^ILN04 .*model in options is 3/);
    refused({ data: undefined }).toThrow(/^ILN04 .*options name no data/);
    refused({ hidden: "4" }).toThrow(/^ILN04 .*hidden in options is "4"/);
    for (const value of [null, [], "x", 5, { __proto__: null }]) expect(() => parsed(value)).toThrow(/^ILN04 /);
  });
});
