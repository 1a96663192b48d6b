import { existsSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Flags, prepareRun, withFlags } from "@innerloop/experiments";
import sharp from "sharp";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { openRun } from "../runs/run-folder.js";
import { collected } from "./collected-output.fixture.js";
import { trainCommand } from "./commands/train-command.js";
import { commandHost } from "./session-host.js";

let folder: string;
beforeEach(async () => {
  if (!existsSync(new URL("../../dist/executor/worker.js", import.meta.url)))
    throw new Error("Build first: npm run build");
  folder = await mkdtemp(join(tmpdir(), "innerloop-moved-"));
  vi.stubEnv("INNERLOOP_DATA", join(folder, "data"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function writePictures(path: string): Promise<void> {
  for (let c = 0; c < 8; c++) {
    await mkdir(join(path, `bar${c}`), { recursive: true });
    for (let e = 0; e < 2; e++) {
      const pixels = Buffer.alloc(64, 255);
      for (let i = 0; i < 8; i++) pixels[i * 8 + c] = 10 * e;
      const image = sharp(pixels, { raw: { width: 8, height: 8, channels: 1 } });
      await image.png().toFile(join(path, `bar${c}`, `${e}.png`));
    }
  }
}

const ratings = Array.from(
  { length: 800 },
  (_, i) => `u${Math.floor(i / 20)},i${(7 * i) % 30},${1 + (((i % 20) + ((3 * i) % 30)) % 5)}`,
);
const rows = Array.from({ length: 240 }, (_, i) => `g${i % 30},${i},${(i % 30) * i}`);
const quick = { iterations: 2, metaBatch: 2, validateEvery: 0, workers: 1 } as const;
const kinds: Readonly<
  Record<
    string,
    {
      ending: string;
      write: (path: string) => Promise<void>;
      spoil: (path: string) => Promise<void>;
      options: Flags;
      /** The option that says where the data are: `--data` unless given. */
      names?: string;
    }
  >
> = {
  "a folder of images": {
    ending: "",
    write: writePictures,
    spoil: (path) => rm(join(path, "bar7/1.png")),
    options: { ways: 2, queries: 1, imageSize: 8, model: "linear" },
  },
  "a table": {
    ending: ".csv",
    write: (path) => writeFile(path, `g,x,y\n${rows.join("\n")}\n`),
    spoil: (path) => appendFile(path, "g0,1,2\n"),
    options: { groupColumn: "g", target: ["y"], shots: 3, hidden: [4] },
  },
  "a table of ratings": {
    ending: ".csv",
    write: (path) => writeFile(path, `user,item,rating\n${ratings.join("\n")}\n`),
    spoil: (path) => appendFile(path, "u0,i29,2\n"),
    options: { learner: "ridge" },
    names: "ratings",
  },
};

it.each(Object.entries(kinds))("%s that has moved is the run's own where its contents are", async (_, kind) => {
  const { output } = collected();
  const [was, is, path] = [`was${kind.ending}`, `it is here${kind.ending}`, "run"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  await kind.write(was);
  const { names = "data" } = kind;
  const chosen = { ...quick, ...kind.options, [names]: was };
  await trainCommand({ target: undefined, chosen, invocation: { run: path, skipEvaluation: true } }, output);
  await rename(was, is);
  const run = await openRun(path);
  const own = run.config.config!;
  await expect(prepareRun(run, own, commandHost(output))).rejects.toThrow(
    new RegExp(`^ILN06 .*the data set was.* is no longer at .*--${names}`),
  );
  const prepared = await prepareRun(run, withFlags(own, { [names]: is }), commandHost(output));
  expect(prepared.other).toBeUndefined();
  expect(prepared.spec).toMatchObject({ name: run.config.data!.name, sha256: run.config.data!.sha256 });

  const resume = { target: undefined, chosen: { [names]: is }, invocation: { resume: path, skipEvaluation: true } };
  await trainCommand(resume, output);
  const resumed = await openRun(path);
  expect(resumed.config.command).toContain(` --${names} '${is}'`);
  expect(resumed.config.data).toEqual({ ...run.config.data, folder: is });
  expect((await prepareRun(resumed, resumed.config.config, commandHost(output))).spec!.sha256).toBe(
    run.config.data!.sha256,
  );
  const config = await readFile(join(path, "config.json"));
  await kind.spoil(is);
  await expect(trainCommand(resume, output)).rejects.toThrow(/^ILN06 .*is not the one that the run began with/);
  expect((await readFile(join(path, "config.json"))).equals(config)).toBe(true);
});
