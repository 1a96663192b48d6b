import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { tensor } from "@innerloop/core";
import { encodeSafetensors } from "@innerloop/core/training";
import { argvOf, argvWith, commandLine, type Flags, type RunConfig, reportPage } from "@innerloop/experiments";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { described } from "./described.fixture.js";
import { openEventLog, readEvents } from "./event-log.js";
import { checkpointStore, createRun, newRunPath, openRun, sweepRun } from "./run-folder.js";
import { lockRun } from "./run-lock.js";
import { UntrustedFolder } from "./untrusted-folder.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-run-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const opened = (): UntrustedFolder => UntrustedFolder.open(folder)!;

describe("the event log", () => {
  it("drops what is past the checkpoint and a torn last line, and keeps the rest as it was", async () => {
    const file = join(folder, "events.jsonl");
    const files = opened();
    const lines = [1, 2, 3, 4].map((iteration) =>
      JSON.stringify({ type: "iteration", iteration, loss: iteration / 3 }),
    );
    await writeFile(file, `${lines.join("\n")}\n{"type":"iteration","iteration":5,"lo`);
    const log = await openEventLog(files, 2);
    log.append({ type: "iteration", iteration: 3 });
    log.flush();
    log.close();
    log.append({ type: "late" });
    const text = await readFile(file, "utf8");
    expect(text.startsWith(`${lines[0]}\n${lines[1]}\n{"type":"iteration","iteration":3,"at":`)).toBe(true);
    expect((await readEvents(files)).map(({ iteration }) => iteration)).toEqual([1, 2, 3]);
    expect(await readdir(folder)).toEqual(["events.jsonl"]);
  });

  it("reads a log that is being written, and survives lines that are no events", async () => {
    const file = join(folder, "events.jsonl");
    await writeFile(
      file,
      'null\n{"type":"start","iteration":0}\n[1]\n{"type":"iteration","iteration":"x"}\n{"type":"iter',
    );
    expect(await readEvents(opened())).toEqual([{ type: "start", iteration: 0 }]);
    (await openEventLog(opened(), 9)).close();
    expect(await readFile(file, "utf8")).toBe('{"type":"start","iteration":0}\n');
  });
});

describe("the lock", () => {
  const lockOf = (holder: object): Promise<void> => writeFile(join(folder, "lock-abc123.json"), JSON.stringify(holder));

  it("lets one process in, and the next when it is released", async () => {
    const lock = await lockRun(folder);
    await expect(lockRun(folder)).rejects.toThrow(/ILN02 .*process \d+ on .* is training this run\. Wait for it/);
    lock.release();
    lock.release();
    (await lockRun(folder)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it("takes over from a process that was killed, or whose id another process has now", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    const pid = child.pid!;
    await new Promise((resolve) => child.on("close", resolve));
    await lockOf({ pid, host: hostname(), started: "1" });
    (await lockRun(folder)).release();
    await lockOf({ pid: process.pid, host: hostname(), started: "long ago" });
    (await lockRun(folder)).release();
    await writeFile(join(folder, "lock-abc123.json"), '{"pi');
    (await lockRun(folder)).release();
  });

  it.skipIf(process.platform !== "linux")(
    "takes over from a process that has ended and whose parent never asks",
    async () => {
      const parent = spawn("sh", ["-c", 'sleep 1000 & cat "/proc/$!/stat"; exec sleep 1000']);
      const stat = await new Promise<string>((resolve) => parent.stdout.on("data", (data) => resolve(String(data))));
      const pid = Number(stat.split(" ")[0]);
      try {
        await lockOf({ pid, host: hostname(), started: stat.split(" ")[21]! });
        await expect(lockRun(folder)).rejects.toThrow(/^ILN02/);
        process.kill(pid, "SIGKILL");
        await vi.waitFor(async () => expect(await readFile(`/proc/${pid}/stat`, "utf8")).toContain(" Z "));
        (await lockRun(folder)).release();
      } finally {
        parent.kill("SIGKILL");
      }
    },
  );

  it("leaves a lock of another machine alone", async () => {
    await lockOf({ pid: 1, host: "another", started: "" });
    await expect(lockRun(folder)).rejects.toThrow(/process 1 on another .*delete the folder's lock-/);
  });

  it("is renewed by the disk's clock, whatever this machine takes the time for", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"], now: Date.now() - 3_600_000 });
    try {
      const lock = await lockRun(folder);
      const [name] = await readdir(folder);
      const file = join(folder, name!);
      const { mtimeMs: putUp } = await stat(file);
      const content = await readFile(file, "utf8");
      await utimes(file, 1, 1);
      vi.advanceTimersByTime(10_000);
      expect((await stat(file)).mtimeMs).toBeGreaterThanOrEqual(putUp);
      expect(await readFile(file, "utf8")).toBe(content);
      lock.release();
    } finally {
      vi.useRealTimers();
    }
  });

  it("is held by at most one of many that come at once", async () => {
    await lockOf({ pid: 2 ** 22 + 5, host: hostname(), started: "1" });
    for (let round = 0; round < 10; round++) {
      const results = await Promise.allSettled(Array.from({ length: 4 }, () => lockRun(folder)));
      const held = results.filter((result) => result.status === "fulfilled");
      expect(held.length).toBeLessThanOrEqual(1);
      held[0]?.value.release();
    }
    (await lockRun(folder)).release();
    expect(await readdir(folder)).toEqual([]);
  });
});

const configOf = (domain: string): string =>
  `{"format":"innerloop run 2","experiment":"hanzi","chunkSize":1,"workers":1,"config":{"domain":${domain},"learner":{"name":"maml"},"network":{"name":"mlp"},"training":{},"evaluation":{}}}`;

describe("a run folder", () => {
  it("is made in an empty place only", async () => {
    await createRun(join(folder, "new"));
    await createRun(join(folder, "new"));
    await writeFile(join(folder, "new/notes.txt"), "");
    await expect(createRun(join(folder, "new"))).rejects.toThrow(
      /ILN01 .*the folder is not empty\. Choose an empty or new folder/,
    );
    await writeFile(join(folder, "file"), "");
    await expect(createRun(join(folder, "file"))).rejects.toThrow(/ILN03/);
  });

  it("keeps checkpoints whole, and is swept of what a killed process left", async () => {
    await createRun(folder);
    const store = checkpointStore(opened());
    expect(await store.load("last")).toBeUndefined();
    const [first, second] = [1, 2].map((n) =>
      encodeSafetensors({ tensors: { n: tensor([n]) }, metadata: { format: "innerloop checkpoint 2" } }),
    );
    await store.save("last", first!);
    await store.save("last", second!);
    expect(await store.load("last")).toEqual(second);
    await writeFile(join(folder, "checkpoints/last.safetensors.partial-1-aa"), "x");
    await sweepRun({ files: opened() });
    expect(await readdir(join(folder, "checkpoints"))).toEqual(["last.safetensors"]);
  });

  it("has a name that is free", async () => {
    const now = new Date(2026, 10, 21, 14, 12);
    const first = await newRunPath("hanzi", now, folder);
    expect(first).toBe(join(folder, "hanzi-20261121-1412"));
    await mkdir(first);
    expect(await newRunPath("hanzi", now, folder)).toBe(`${first}-2`);
  });

  it.each([
    ["[]", /its format is undefined/],
    ["{", /it is not JSON/],
    ['{"format":"innerloop run 9"}', /its format is "innerloop run 9"/],
    ['{"format":"innerloop run 1","experiment":"hanzi","chunkSize":0,"workers":1}', /chunkSize is 0/],
    [
      '{"format":"innerloop run 1","experiment":"hanzi","chunkSize":1,"workers":1,"options":{"data":"hanzi","learner":"maml","model":"conv","ways":"five"}}',
      /ways in options is "five"/,
    ],
    [
      '{"format":"innerloop run 1","experiment":"hanzi","chunkSize":1,"workers":1,"options":{"wayz":5}}',
      /unknown option "wayz"/,
    ],
    [
      '{"format":"innerloop run 2","experiment":"hanzi","chunkSize":1,"workers":1}',
      /config is undefined\. It is an object/,
    ],
    [configOf('{"name":"curves","wayz":5}'), /domain in config has the unknown option "wayz"/],
    [configOf('{"name":"curvez"}'), /domain in config is "curvez"\. Give one of .*Did you mean curves\?/],
    [configOf('{"name":"classification","ways":"five"}'), /ways in config is "five"/],
  ])("refuses the configuration %s", async (text, problem) => {
    await writeFile(join(folder, "config.json"), text);
    await expect(openRun(folder)).rejects.toThrow(problem);
    await expect(openRun(folder)).rejects.toThrow(/ILN04/);
  });
});

it("recommends commands that only train, whatever a run folder says", () => {
  const own = "innerloop train 'my table.json' --seed 3 --inputs 'a b,it'\\''s' --ways 5";
  const commandWith = (command: string, flags: Flags): string => commandLine(argvWith(argvOf(command), flags));
  expect(commandWith(own, { ways: 7 })).toBe(
    "innerloop train 'my table.json' --seed 3 --inputs 'a b,it'\\''s' --ways 7",
  );
  expect(commandWith(own, { inputs: undefined, seed: undefined })).toBe("innerloop train 'my table.json' --ways 5");
  const foreign = ["; curl x", " $(curl x)", " `curl x`", " | sh", "\nrm x", " > x", " & x", " 'open", " ~/x", " ~"];
  for (const command of ["curl x", "", ...foreign.map((tail) => `innerloop train sinusoid${tail}`)])
    expect(commandWith(command, { ways: 7 })).toBe("innerloop train ... --ways 7");
});

describe("the report", () => {
  it("is one page, with curves and results, and shows no text of others as markup", () => {
    const rows = [0, 1].map((steps) => ({
      steps,
      figures: { loss: { mean: 1 - steps / 2, interval: 0.1 }, accuracy: { mean: 0.2 + 0.7 * steps, interval: 0.01 } },
    }));
    const events = Array.from({ length: 2000 }, (_, i) => ({
      type: "iteration",
      iteration: i + 1,
      loss: 1,
      metrics: { accuracy: i / 2000 },
    }));
    const config = {
      experiment: "<script>alert(1)</script>",
      command: "innerloop train x",
      versions: { innerloop: "1" },
      created: "now",
      options: {},
    } as unknown as RunConfig;
    const page = reportPage({ config }, [...events, { type: "validation", iteration: 2000, evaluation: { rows } }], {
      evaluations: [
        described({ learner: "MAML", protocol: { steps: 1 }, rows, values: [] }),
        described({ learner: "prototypical network", protocol: {}, rows: rows.slice(0, 1), values: [] }),
      ],
      notes: ["a note"],
    });
    expect(page).toContain("<th>before</th><th>1 step</th><th>no steps</th>");
    expect(page).toContain("<td>prototypical network</td><td></td><td></td><td>20.0 &plusmn; 1.0</td>");
    expect(page).not.toContain("<script");
    expect(page).toContain("<td>20.0 &plusmn; 1.0</td><td>90.0 &plusmn; 1.0</td>");
    expect(/<polyline points="([^"]*)" fill="none" stroke="var\(--line\)"/.exec(page)![1]!.split(" ")).toHaveLength(
      400,
    );
    expect(page).not.toContain("NaN");
    expect(page).not.toMatch(/https?:\/\//);
  });

  it("draws the loss of updates where the results are in another figure, which updates have not", () => {
    const figures = { loss: { mean: 0.5, interval: 0.1 }, "rootMeanSquaredError of minutes": { mean: 9, interval: 1 } };
    const rows = [{ steps: 0, figures }];
    const events = [3, 2, 1].map((loss, i) => ({ type: "iteration", iteration: i + 1, loss, metrics: {} }));
    const config = { experiment: "table", command: "", versions: {}, created: "", options: {} } as unknown as RunConfig;
    const evaluations = [described({ learner: "MAML", protocol: {}, rows, values: [] })];
    const page = reportPage({ config }, events, { evaluations, notes: [] });
    expect(page).toContain("loss of training tasks after adaptation");
    expect(/<polyline points="([^"]*)"/.exec(page)![1]!.split(" ")).toHaveLength(3);
  });
});
