/** An environment of a user's own, in a file: its episodes are drawn as it says, by the command and in the report. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../bin/innerloop.js", import.meta.url));
/** As a user's file names it, which this package does not import. */
const library = "innerloop";
const corridor = `
import { random } from "${library}";
import { box, environmentFamily } from "${library}/reinforcement";

export default environmentFamily({
  name: "corridor",
  horizon: 8,
  task: (seed, index) => ({ end: random(seed, index).integer(2) === 0 ? -1 : 1 }),
  pictures: [{ kind: "series", title: "place", unit: "m", at: ([x]) => x, wanted: ({ end }) => end }],
  make: ({ end }) => {
    let x = 0;
    return {
      observation: box({ shape: 1 }),
      action: box({ shape: 1, low: -1, high: 1 }),
      reset: () => ({ observation: [(x = 0)] }),
      step: ([a]) => ({ observation: [(x += 0.2 * a)], reward: -Math.abs(x - end), terminated: false, truncated: false }),
    };
  },
});
`;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-corridor-"));
  await writeFile(join(folder, "corridor.ts"), corridor);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** @returns what the command printed; rejects, with its error stream, where it fails */
const innerloop = (...args: string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, INNERLOOP_CONFIG: join(folder, "config"), INNERLOOP_CACHE: "off", NO_COLOR: "1" };
    execFile(process.execPath, [bin, ...args], { cwd: folder, env }, (error, out, err) =>
      error ? reject(new Error(err)) : resolve(out),
    );
  });

test("it is trained, reported with its episodes, and practised in a task of the user's", async () => {
  const small = [
    "--iterations",
    "2",
    "--meta-batch",
    "2",
    "--episodes",
    "3",
    "--validate-every",
    "0",
    "--workers",
    "1",
  ];
  await innerloop("train", "corridor.ts", ...small, "--eval-tasks", "3", "--eval-steps", "0,1", "--run", "mine");
  const page = await readFile(join(folder, "mine", "report.html"), "utf8");
  // Both of its tasks, and no more: there are but two.
  expect(
    page.match(/<h2>Place over time, before and after adaptation: held-out task \d+, \{&quot;end&quot;:-?1\}/g),
  ).toHaveLength(2);
  const shown = await innerloop("adapt", "mine", "--task", '{"end":0.5}', "--steps", "1", "--output", "mine.svg");
  expect(shown).toMatch(/before +[▁-█]{8,9} +-?\d\.\d\d m\n/);
  expect(shown).toContain("wanted is 0.50 m");
  expect(await readFile(join(folder, "mine.svg"), "utf8")).toContain(">wanted</text>");
  await expect(innerloop("adapt", "mine", "--task", "7")).rejects.toThrow(/a task of corridor is "7".* Give a record/s);
});
