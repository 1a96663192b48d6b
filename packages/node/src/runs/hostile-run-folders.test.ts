import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { collected } from "../cli/collected-output.fixture.js";
import { evalCommand } from "../cli/commands/eval-command.js";
import { trainCommand } from "../cli/commands/train-command.js";
import { makeFolder } from "../data/store/atomic-write.js";
import { openEventLog, readEvents } from "./event-log.js";
import { keepsWithin, rememberNamed, wasNamed } from "./named-files.js";
import { lockRun } from "./run-lock.js";
import { UntrustedFolder } from "./untrusted-folder.js";

let folder: string;
const base = (): string => join(folder, "base");

beforeAll(async () => {
  if (!existsSync(new URL("../../dist/executor/worker.js", import.meta.url)))
    throw new Error("Build first: npm run build");
  folder = await mkdtemp(join(tmpdir(), "innerloop-hostile-"));
  const chosen = { hidden: [8], iterations: 4, evalTasks: 2, workers: 1 };
  const invocation = { run: base(), skipEvaluation: true };
  await trainCommand({ target: "sinusoid", chosen, invocation }, collected().output);
});
afterAll(() => rm(folder, { recursive: true, force: true }));
// Not how long anything takes: a hang is what this finds.
vi.setConfig({ testTimeout: 60_000 });
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** A configuration as it is written, to be made into what it should not be. */
interface WrittenConfig {
  config: Record<"domain" | "learner" | "network" | "training" | "evaluation", Record<string, unknown>>;
  [name: string]: unknown;
}
type Change = (path: string, config: WrittenConfig) => unknown;

/** A copy of the run with something done to it. */
async function changed(name: string, change: Change): Promise<string> {
  const path = join(folder, name.replace(/\W+/g, "-"));
  await cp(base(), path, { recursive: true });
  const file = join(path, "config.json");
  const config = JSON.parse(await readFile(file, "utf8")) as WrittenConfig;
  const before = JSON.stringify(config);
  await change(path, config);
  if (JSON.stringify(config) !== before) await writeFile(file, JSON.stringify(config));
  return path;
}

const evaluated = (run: string): Promise<void> =>
  evalCommand({ folder: run, chosen: {}, invocation: { skipBaselines: true } }, collected().output);
const resumed = (run: string): Promise<string> =>
  trainCommand(
    { target: undefined, chosen: { iterations: 6 }, invocation: { resume: run, skipEvaluation: true } },
    collected().output,
  );

const pipe = (path: string): void => void execFileSync("mkfifo", [path]);
const precious = async (name: string): Promise<string> => {
  const path = join(folder, `precious-${name}`);
  await mkdir(path);
  await writeFile(join(path, "notes.partial-draft.txt"), "keep me");
  await cp(join(base(), "checkpoints/last.safetensors"), join(path, "last.safetensors"));
  return path;
};

/** What is done to a run, and the error that evaluating it, and continuing it, ends with. */
const hostile: readonly (readonly [what: string, change: Change, error: RegExp, only?: "resumed"])[] = [
  [
    "a config of 3.6e9 weights",
    (_, c) => (c.config.network.hidden = [60_000, 60_000]),
    /^ILR202 .*it has 25 parameters/,
  ],
  ["1e8 workers", (_, c) => (c.workers = 1e8), /^ILN04 .*workers is 100000000\. Give .* to 256/],
  ["1e9 tasks at once", (_, c) => (c.chunkSize = 1e9), /^ILN04 .*chunkSize is/],
  ["1e15 tasks", (_, c) => (c.config.evaluation.evalTasks = 1e15), /^ILN04 .*evalTasks in config is/],
  ["a million layers", (_, c) => (c.config.network.hidden = new Array(1e6).fill(1)), /^ILN04 .{0,300}at most 64 whole/],
  [
    "a format nested deep",
    (p) => writeFile(join(p, "config.json"), `{"format":${"[".repeat(1e5)}${"]".repeat(1e5)}}`),
    /^ILN04 .{0,300}nested too deep/,
  ],
  [
    "a choice that is mistyped",
    (_, c) => (c.config.domain.data = "sinusoidd"),
    /^ILN04 .*Did you mean sinusoid\? Restore/,
  ],
  ["versions that are no texts", (_, c) => (c.versions = { innerloop: { toString: 1 } }), /^ILN04 .*versions/],
  ["a protocol that is none", (_, c) => (c.protocol = { text: [] }), /^ILN04 .*protocol/],
  ["a count of 40,000 digits", (_, c) => (c.config.domain.trainShots = `${"1".repeat(40_000)}x-5`), /^ILN04 .{0,400}$/],
  ["an option of 1e6 letters", (_, c) => (c.config.domain["a".repeat(1e6)] = 1), /^ILN04 .{0,400}$/],
  [
    "examples of 1e18 numbers",
    (_, c) => {
      c.config.domain = { name: "tables", data: "x.csv", groupColumn: "g", target: ["y"] };
      c.data = { name: "x", sha256: "", exampleShape: [1e9, 1e9] };
    },
    /^ILN04 .*data set/,
  ],
  [
    "data of a domain that has none",
    (_, c) => (c.data = { name: "x", sha256: "", exampleShape: [1] }),
    /^ILN04 .*data/,
  ],
  ["a domain that there is not", (_, c) => (c.config.domain.name = "__proto__"), /^ILN04 .*domain in config is/],
  ["a name that is an object", (_, c) => (c.config.learner.name = { toString: 1 }), /^ILN04 .*learner in config is/],
  [
    "a part nested deep",
    async (p) => {
      const config = JSON.parse(await readFile(join(p, "config.json"), "utf8"));
      const text = JSON.stringify({ ...config, config: { ...config.config, learner: "DEEP" } });
      const deep = `{"name":${"[".repeat(1e5)}${"]".repeat(1e5)}}`;
      await writeFile(join(p, "config.json"), text.replace('"DEEP"', deep));
    },
    /^ILN04 .{0,300}nested too deep/,
  ],
  ["a command that trains nothing", (_, c) => (c.argv = ["eval", "x"]), /^ILN04 .*words of a command/],
  ["a command of control characters", (_, c) => (c.argv = ["train", "x\u001b[2J"]), /^ILN04 .*words of a command/],
  ["a command of a million words", (_, c) => (c.argv = new Array(1e6).fill("train")), /^ILN0[49] /],
  ["a config of 70 MB", (p) => appendFile(join(p, "config.json"), " ".repeat(7e7)), /^ILN09 .*at most \d+ are read/],
  ["a config that is a pipe", (p) => replaced(p, "config.json", pipe), /^ILN09 .*a named pipe/],
  [
    "a config that is a link",
    (p) => replaced(p, "config.json", (to) => symlink("/dev/zero", to)),
    /^ILN09 .*symbolic link/,
  ],
  [
    "a checkpoint that is a link",
    async (p) => {
      const target = join(await precious("file"), "last.safetensors");
      for (const name of ["last", "best"])
        await replaced(p, `checkpoints/${name}.safetensors`, (to) => symlink(target, to));
    },
    /^ILN09 .*symbolic link/,
  ],
  [
    "a folder of checkpoints that is a link",
    async (p) => replaced(p, "checkpoints", async (to) => symlink(await precious("folder"), to)),
    /^ILN09 .*symbolic link/,
  ],
  [
    "a tensor named by 80,000 spaces",
    (p) =>
      inCheckpoints(p, () => {
        const header = Buffer.from(JSON.stringify({ [`${" ".repeat(80_000)}x`]: 5 }).padEnd(80_016));
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(header.length));
        return Buffer.concat([length, header]);
      }),
    /^ILN05 .{0,500}$/,
  ],
  [
    "checkpoints of 4 GB without values, as a sparse file",
    async (p) => {
      for (const name of await readdir(join(p, "checkpoints"))) await truncate(join(p, "checkpoints", name), 4.2e9);
    },
    /^ILN05 .*tensors cover \d+ of \d{10} bytes/,
  ],
  [
    "a checkpoint whose header has 20 MB",
    (p) =>
      inCheckpoints(p, () => {
        const bytes = Buffer.alloc(2e7 + 8, " ");
        bytes.writeBigUInt64LE(20_000_000n);
        return bytes;
      }),
    /^ILN05 .*the header has 20000000 bytes/,
  ],
  [
    "a flipped bit",
    (p) =>
      inCheckpoints(p, (bytes) => {
        bytes[bytes.length - 5]! ^= 1;
        return bytes;
      }),
    /^ILN05 .*damaged \(its SHA-256 is not/,
  ],
  [
    "a program named through /proc",
    async (_, c) => {
      await writeFile(join(folder, "setup.ts"), `globalThis.codeWasRun = true; export default {};`);
      c.file = { path: `/proc/self/cwd/setup.ts`, sha256: "0".repeat(64) };
      const { training, evaluation } = c.config;
      c.config = { training, evaluation } as WrittenConfig["config"];
    },
    /^ILN07 /,
  ],
  [
    "a program that is to make its domain known",
    async (_, c) => {
      await writeFile(join(folder, "domain.ts"), `globalThis.codeWasRun = true; export default {};`);
      c.file = { path: join(folder, "domain.ts"), sha256: "0".repeat(64) };
      c.config.domain.name = "unheard-of";
    },
    /^ILN07 /,
  ],
  [
    "events that are a link",
    (p) => replaced(p, "events.jsonl", (to) => symlink(join(folder, "new-file"), to)),
    /^ILN09 /,
    "resumed",
  ],
  ["events that are a pipe", (p) => replaced(p, "events.jsonl", pipe), /^ILN09 .*pipe/, "resumed"],
  ["a lock that is a pipe", (p) => pipe(join(p, "lock-ab.json")), /^ILN09 .*pipe/, "resumed"],
];

async function replaced(run: string, name: string, put: (to: string) => unknown): Promise<void> {
  await rm(join(run, name), { recursive: true, force: true });
  await put(join(run, name));
}

async function inCheckpoints(run: string, change: (bytes: Buffer) => Uint8Array): Promise<void> {
  for (const name of await readdir(join(run, "checkpoints"))) {
    const file = join(run, "checkpoints", name);
    await writeFile(file, change(await readFile(file)));
  }
}

describe.skipIf(process.platform === "win32")("a run folder with", () => {
  const rows = hostile.map(([what, change, error, only]) => ({ what, change, error, only }));
  it.each(rows)("$what is refused", async ({ what, change, error, only }) => {
    const run = await changed(what, change);
    const messageOf = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => "no error",
        (thrown: Error) => thrown.message,
      );
    if (!only) expect(await messageOf(evaluated(run))).toMatch(error);
    expect(await messageOf(resumed(run))).toMatch(error);
    expect((globalThis as { codeWasRun?: boolean }).codeWasRun).toBeUndefined();
  });

  it("links is not written through", async () => {
    expect(await readFile(join(folder, "precious-folder/notes.partial-draft.txt"), "utf8")).toBe("keep me");
    const own = await readFile(join(base(), "checkpoints/last.safetensors"));
    for (const name of ["file", "folder"])
      expect((await readFile(join(folder, `precious-${name}/last.safetensors`))).equals(own)).toBe(true);
    expect(existsSync(join(folder, "new-file"))).toBe(false);
    const run = await changed("a link to write to", (p) => symlink(join(folder, "written"), join(p, "report.html")));
    await expect(UntrustedFolder.open(run)!.write("report.html", "x")).rejects.toThrow(/^ILN09 .*symbolic link/);
    expect(existsSync(join(folder, "written"))).toBe(false);
  });

  it("a path that the user gives as a link, and control characters, is opened, and shows them", async () => {
    const run = await changed("escapes", (_, c) => {
      c.experiment = "x\u001b]0;owned\u0007\u001b[2J\u009b2J";
    });
    await symlink(run, join(folder, "own-link"));
    await evaluated(join(folder, "own-link"));
    for (const name of ["results.md", "report.html"]) {
      const text = await readFile(join(run, name), "utf8");
      // In Markdown a bracket is written with a backslash before it.
      expect(text.replaceAll("\\[", "[")).toContain("x\\u001b]0;owned\\u0007\\u001b[2J\\u009b2J");
      for (const control of "\u001b\u0007\u009b") expect(text).not.toContain(control);
    }
  });

  it("150,000 validations, as an honest run may have, is read within bounds", async () => {
    const line =
      '{"type":"validation","iteration":1,"evaluation":{"rows":[{"figures":{"meanSquaredError":{"mean":1},"loss":{"mean":1}}}]}}\n';
    const run = await changed("150k", (p) => appendFile(join(p, "events.jsonl"), line.repeat(150_000)));
    await appendFile(
      join(run, "events.jsonl"),
      `"${"x".repeat(2 ** 20)}"\n{"type":"validation","iteration":4,"last":true}\n`,
    );
    await evaluated(run);
    const events = await readEvents(UntrustedFolder.open(run)!);
    expect(events.length).toBeLessThan(150_000);
    expect(events.at(-1)).toMatchObject({ iteration: 4, last: true });
    expect(events.filter(({ type }) => type === "iteration")).toHaveLength(4);
    const report = await readFile(join(run, "report.html"), "utf8");
    expect(report.length).toBeLessThan(100_000);
  });
});

describe("a run folder that goes away", () => {
  it("is not made again, and what would be lost in another's place is refused", async () => {
    const run = await changed("going", () => undefined);
    const files = UntrustedFolder.open(run, "config.json")!;
    const log = await openEventLog(files, 9);
    await rename(run, `${run}-2`);
    expect(() => files.requireThere()).toThrow(/^ILN10 .*removed, renamed or replaced/);
    await expect(files.write("checkpoints/last.safetensors", "x")).rejects.toThrow(/^ILN10 /);
    const { now } = Date;
    vi.spyOn(Date, "now").mockImplementation(() => now() + 5000);
    expect(() => log.append({ type: "iteration" })).toThrow(/^ILN10 /);
    log.close();
    expect(existsSync(run)).toBe(false);
    await cp(`${run}-2`, run, { recursive: true });
    await expect(files.write("results.json", "x")).rejects.toThrow(/^ILN10 /);
  });

  it("ends a training with that error", async () => {
    const run = join(folder, "vanishing");
    const chosen = { hidden: [8], iterations: 100_000, checkpointEvery: 20, validateEvery: 0, workers: 1 };
    const { output } = collected();
    let moved: Promise<void> | undefined;
    const ended = trainCommand(
      { target: "sinusoid", chosen, invocation: { run, skipEvaluation: true } },
      {
        ...output,
        event: ({ type }) => {
          if (type === "checkpoint") moved ??= rename(run, `${run}-2`);
        },
      },
    );
    await expect(ended).rejects.toThrow(/^ILN10 vanishing|^ILN10 .*vanishing/);
    expect(moved).toBeDefined();
    expect(existsSync(run)).toBe(false);
  });

  it.skipIf(process.platform !== "linux")("cannot be made where no folder can be: at once", async () => {
    await expect(makeFolder("/proc/x/y")).rejects.toThrow(/ENOENT/);
    const invocation = { run: "/proc/x", skipEvaluation: true };
    const chosen = { hidden: [8], iterations: 2, workers: 1 };
    await expect(trainCommand({ target: "sinusoid", chosen, invocation }, collected().output)).rejects.toThrow(
      /^ILN03 \/proc\/x/,
    );
  });
});

describe("the lock", () => {
  const elsewhere = { pid: process.pid, host: hostname(), started: "1", space: "another", renewed: true };

  it("of another container counts while it is renewed, and half-written ones are swept", async () => {
    const run = await changed("locked", () => undefined);
    const file = join(run, "lock-ab.json");
    const unfinished = join(run, "lock-cd.json.partial-0");
    await writeFile(file, JSON.stringify(elsewhere));
    await writeFile(unfinished, "");
    await expect(lockRun(run)).rejects.toThrow(/^ILN02 .*is training this run, or was less than 3 minutes ago/);
    const long = new Date(Date.now() - 3_600_000);
    await utimes(file, long, long);
    await utimes(unfinished, long, long);
    const lock = await lockRun(run);
    expect((await readdir(run)).filter((name) => name.startsWith("lock-"))).toHaveLength(1);
    lock.requireHeld();
    for (const name of await readdir(run)) if (name.startsWith("lock-")) await rm(join(run, name));
    expect(() => lock.requireHeld()).toThrow(/^ILN02 .*the lock of this process was removed/);
    lock.release();
  });
});

describe("files that the user has named", () => {
  it("are known by path and content, in a folder that is the user's alone", async () => {
    vi.stubEnv("INNERLOOP_CONFIG", join(folder, "config"));
    const file = { path: "/home/ada/own.ts", sha256: "a".repeat(64) };
    expect(await wasNamed(file)).toBe(false);
    expect(await rememberNamed(file)).toBe(true);
    expect(await wasNamed(file)).toBe(true);
    expect(await wasNamed({ ...file, path: "/home/eve/own.ts" })).toBe(false);
    expect(await wasNamed({ ...file, sha256: "b".repeat(64) })).toBe(false);
    expect([await keepsWithin(folder), await keepsWithin(base())]).toEqual([true, false]);
    if (process.platform === "win32") return;
    execFileSync("chmod", ["777", join(folder, "config/experiment-files")]);
    expect(await wasNamed(file)).toBe(false);
    // What a relative path leads to depends on where one stands, as within an unpacked archive.
    vi.stubEnv("INNERLOOP_CONFIG", relative(process.cwd(), join(folder, "config")));
    expect(await rememberNamed(file)).toBe(false);
    vi.stubEnv("INNERLOOP_CONFIG", "/proc/none");
    expect(await rememberNamed(file)).toBe(false);
    expect(await wasNamed(file)).toBe(false);
  });
});
