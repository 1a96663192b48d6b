/** Experiment files that bring a kind of task, in a process that stays: loaded again, changed, and several at once. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { domains, registerDomain } from "@innerloop/experiments";
import { afterAll, beforeAll, expect, test } from "vitest";
import { collected } from "../cli/collected-output.fixture.js";
import { trainCommand } from "../cli/commands/train-command.js";
import { load, loadRun } from "../index.js";
import { loadCodeExperiment } from "./experiment-file.js";

let folder: string;
let text: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-files-"));
  const fixture = await readFile(new URL("../ranking-domain.fixture.ts", import.meta.url), "utf8");
  text = `${fixture}\nexport default async () => ({ domain: ranking });\n`;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const withName = (name: string, title = "rankings"): string =>
  text
    .replace('name: "ranking"', `name: "${name}"`)
    .replace('title: "rankings"', `title: "${title}"`)
    .replace("ranking: {", `"${name}-preset": {`);
const titleOf = (name: string): string | undefined => domains().find((each) => each.name === name)?.title;

test("a file that is loaded several times at once runs once", async () => {
  const path = join(folder, "once.ts");
  await writeFile(path, withName("once"));
  const all = await Promise.all([1, 2, 3].map(() => loadCodeExperiment(path)));
  expect(new Set(all).size).toBe(1);
  expect(await loadCodeExperiment(path)).toBe(all[0]);
});

test("the domain of a changed file takes the place of the earlier one, back and forth", async () => {
  const path = join(folder, "changed.ts");
  for (const title of ["first", "second", "first"]) {
    await writeFile(path, withName("changed", title));
    await loadCodeExperiment(path);
    expect(titleOf("changed")).toBe(title);
  }
  expect(domains().filter(({ name }) => name === "changed")).toHaveLength(1);
});

test("a domain of another file, of a program or of those that come along keeps its name", async () => {
  const [mine, other] = [join(folder, "mine.ts"), join(folder, "other.ts")];
  await writeFile(mine, withName("mine"));
  await loadCodeExperiment(mine);
  await writeFile(other, withName("mine", "others"));
  await expect(loadCodeExperiment(other)).rejects.toThrow(/^there is a domain or preset mine already/);
  const curves = domains().find(({ name }) => name === "curves")!;
  expect(() => registerDomain({ ...curves, presets: {} }, mine)).toThrow(/^there is a domain or preset curves already/);
  await writeFile(mine, withName("mine").replace('"mine-preset": {', "sinusoid: {"));
  await expect(loadCodeExperiment(mine)).rejects.toThrow(/^there is a domain or preset sinusoid already/);
  expect(titleOf("mine")).toBe("rankings");
});

test("a file that failed is run again", async () => {
  const path = join(folder, "failing.ts");
  const failing = `globalThis.tries = (globalThis.tries ?? 0) + 1;\nif (globalThis.tries === 1) throw new Error("not yet");\n`;
  await writeFile(path, `${failing}${withName("failing")}`);
  await expect(loadCodeExperiment(path)).rejects.toThrow("not yet");
  await expect(loadCodeExperiment(path)).resolves.toMatchObject({ preset: "failing-preset" });
});

test("a key that experiments do not have is refused, and one of train({ ... }) is said to belong elsewhere", async () => {
  const made = `import * as core from "innerloop";
const learner = core.prototypicalNetwork({ model: core.mlp({ sizes: [6, 4] }), ways: 2 });
const tasks = core.sinusoids({ shots: 2 });
const optimizer = core.adam({ learningRate: 0.001 });
`;
  const keys: [string, RegExp][] = [
    [
      "learner, tasks, optimizer, iterations: 5, metaBatchSize: 2",
      /"iterations"\. Write it in training: \{ iterations/,
    ],
    ["learner, tasks, optimizer, metaBatchSize: 2", /"metaBatchSize"\. Write it in training: \{ metaBatch: /],
    ["learner, tasks, optimizer, evalTasks: 2", /"evalTasks"\. Write it in evaluation: \{ evalTasks: /],
    ["learner, tasks, optimizer, baseline: []", /"baseline"\. Did you mean baselines\?/],
    [
      "learner, tasks, optimizer, x: 1",
      /"x"\. An experiment with a learner has learner, tasks, optimizer, baselines, /,
    ],
  ];
  for (const [at, [written, said]] of keys.entries()) {
    const path = join(folder, `keys-${at}.ts`);
    await writeFile(path, `${made}export default { ${written} };\n`);
    await expect(loadCodeExperiment(path)).rejects.toThrow(said);
  }
  const named = join(folder, "named.ts");
  await writeFile(named, `${made}export const other = 1;\nexport { learner, tasks, optimizer };\n`);
  await expect(loadCodeExperiment(named)).resolves.toMatchObject({ kind: "learner" });
  const path = join(folder, "prest.ts");
  await writeFile(path, withName("prest").replace("{ domain: ranking }", '{ domain: ranking, prest: "prest-preset" }'));
  await expect(loadCodeExperiment(path)).rejects.toThrow(/has "prest"\. Did you mean preset\?/);
});

test("a run of a domain that is not known is loaded with it, and says so", async () => {
  const [path, run] = [join(folder, "known.ts"), join(folder, "run")];
  await writeFile(path, withName("known"));
  const chosen = { iterations: 1, metaBatch: 2, validateEvery: 0, workers: 1 };
  await trainCommand({ target: path, chosen, invocation: { run, skipEvaluation: true } }, collected().output);
  await expect(load(run)).resolves.toBeDefined();
  // A program may make the domain of a name anew, but for one that comes along.
  const domain = domains().find(({ name }) => name === "known")!;
  for (const title of ["anew", "once more"]) {
    await expect(load(run, { experiment: { domain: { ...domain, title } } })).resolves.toBeDefined();
    expect(titleOf("known")).toBe(title);
  }
  const curves = domains().find(({ name }) => name === "curves")!;
  await expect(load(run, { experiment: { domain: { ...curves } } })).rejects.toThrow(
    /there is a domain or preset curves/,
  );
  // Of a process that has not run the file: the record names a domain that nobody has made known.
  const config = join(run, "config.json");
  await writeFile(config, (await readFile(config, "utf8")).replaceAll('"known"', '"unheard"'));
  for (const open of [() => load(run), () => loadRun(run, {} as never)])
    await expect(open()).rejects.toThrow(
      /run whose kind of task is a program's \(.*known\.ts\)\. Give what the file exports: load\(DIR, \{ experiment: \{ domain \} \}\)/,
    );
});
