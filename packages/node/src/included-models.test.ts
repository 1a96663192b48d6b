/** The learners that come with @innerloop/models: whole, small, as good as their cards say, and loaded by their addresses. */
import { spawnSync } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { sinusoids } from "@innerloop/core";
import { boxesOf, detectionFigures, type JudgedPicture, sceneEpisodes } from "@innerloop/core/detection";
import { type ExportedAnswer, type ExportedLearner, type ObjectAnswer, verifyExport } from "@innerloop/experiments";
import { models, symbolPicture } from "@innerloop/models";
import { afterAll, describe, expect, it } from "vitest";
import { hanziCharacters, hanziExamples, readHanziStrokes } from "./data/sets/hanzi.js";
import { portableEngine } from "./executor/portable-engine.js";
import { exportedFilesIn } from "./runs/exported-folder.js";
import { load, loadExported } from "./runs/index.js";

const folderOf = (name: keyof typeof models): string => dirname(fileURLToPath(models[name].files["config.json"]!()));
const names = Object.keys(models) as (keyof typeof models)[];
const open: ExportedLearner[] = [];
const opened = async <A = ExportedAnswer>(name: string): Promise<ExportedLearner<A>> => {
  const learner = await loadExported<A>(`innerloop:${name}`);
  open.push(learner as ExportedLearner);
  return learner;
};
/** Characters of hanzi that no learner was trained on or judged by. */
const otherCharacters = async (): Promise<readonly string[]> => {
  const all = (await hanziCharacters()).filter((character) => character.codePointAt(0)! > 0x2eff);
  const known = new Set(Array.from({ length: 1000 }, (_, i) => all[Math.floor(((i + 0.5) * all.length) / 1000)]!));
  return all.filter((character) => !known.has(character));
};
afterAll(() => Promise.all(open.map((learner) => learner.dispose())));

describe.each(names)("innerloop:%s", (name) => {
  const model = models[name];
  const folder = folderOf(name);

  it("is a whole export, whose programs answer as expected", async () => {
    const { difference } = await verifyExport(exportedFilesIn(folder), portableEngine());
    expect(difference).toBeLessThan(1e-4);
    const found = (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll("\\", "/"));
    expect(Object.keys(model.files).sort()).toEqual(found.sort());
    for (const [file, address] of Object.entries(model.files))
      expect(fileURLToPath(address())).toBe(join(folder, file));
  });

  it("is less than a megabyte", async () => {
    const sizes = await Promise.all(Object.values(model.files).map(async (file) => (await stat(file())).size));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    expect(bytes).toBe(model.bytes);
    expect(bytes).toBeLessThan(1e6);
  });

  it("has a card with the licenses of its data, its figures and the command that made it", async () => {
    const card = await readFile(join(folder, "README.md"), "utf8");
    expect(card).toContain(`license: ${model.license.toLowerCase()}\n`);
    for (const { name: data } of model.data)
      expect(card.toLowerCase()).toContain(data.split(" ").at(-1)!.toLowerCase());
    expect(model.figures.length).toBeGreaterThan(0);
    for (const { mean } of model.figures) expect(card).toContain(`      value: ${mean}\n`);
    expect(card).toMatch(/```sh\ninnerloop train .+\n```/);
  });
});

it("all of them are less than four megabytes", () =>
  expect(Object.values(models).reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(4e6));

it("sinusoids is as good as its card says, on other tasks", async () => {
  const learner = await opened("sinusoids");
  const [told] = models.sinusoids.figures;
  const source = sinusoids({ shots: 10 });
  const errors: number[] = [];
  for (let i = 0; i < 150; i++) {
    const { support, query } = source.sample(4321, i);
    const [x, y, asked, expected] = [support.x, support.y, query.x, query.y].map(({ data }) => [
      ...(data as Float32Array),
    ]);
    const task = await learner.adapt(
      x!.map((input, row) => ({ input: { x: input }, target: y![row] })),
      { steps: told!.steps },
    );
    const answers = await task.predict(asked!.map((input) => ({ x: input })));
    const squares = answers.map(({ value }, row) => ((value as number) - expected![row]!) ** 2);
    errors.push(squares.reduce((sum, square) => sum + square, 0) / squares.length);
  }
  const { mean, interval } = meanOf(errors);
  console.log(
    `sinusoids: ${mean.toFixed(3)} ± ${interval.toFixed(3)}, told ${told!.mean.toFixed(3)} ± ${told!.interval.toFixed(3)}`,
  );
  expect(Math.abs(mean - told!.mean)).toBeLessThan(1.5 * (interval + told!.interval));
});

it("symbols tells characters apart that are none of its training, drawn as in a page", async () => {
  const learner = await opened("symbols");
  const others = await otherCharacters();
  const accuracies: number[] = [];
  for (let i = 0; i < 30; i++) {
    const characters = Array.from({ length: 20 }, (_, k) => others[(i * 97 + k * 389) % others.length]!);
    const strokes = await Promise.all(characters.map(readHanziStrokes));
    const drawn = (hand: number): readonly Uint8Array[] =>
      strokes.map((lines, k) => symbolPicture(byHand(lines, 100 * i + 10 * k + hand)));
    const task = await learner.adapt(drawn(0).map((input, k) => ({ input, label: characters[k]! })));
    const answers = await task.predict(drawn(1));
    accuracies.push(answers.filter(({ label }, k) => label === characters[k]).length / characters.length);
  }
  const { mean, interval } = meanOf(accuracies);
  console.log(
    `symbols: ${mean.toFixed(3)} ± ${interval.toFixed(3)} on 30 tasks of 20 other characters, 1 drawing of each`,
  );
  expect(mean).toBeGreaterThan(0.9);
});

it("scenes finds characters that are none of its training, of fewer classes than it tells apart", async () => {
  const learner = await opened<readonly ObjectAnswer[]>("scenes");
  const [told] = models.scenes.figures;
  const others = await otherCharacters();
  const characters = Array.from({ length: 200 }, (_, i) => others[i * 37]!);
  const [ways, tasks] = [3, 60];
  const source = sceneEpisodes(await hanziExamples({ characters, samplesPerCharacter: 12 }), { ways, shots: 1 });
  const side = 112;
  const figures: number[] = [];
  for (let i = 0; i < tasks; i++) {
    const { support, query } = source.sample(8765, i);
    const pictureOf = ({ x }: typeof support, at: number): Uint8Array =>
      Uint8Array.from({ length: 3 * side ** 2 }, (_, k) =>
        Math.round(255 * (x.data as Float32Array)[at * side ** 2 + Math.floor(k / 3)]!),
      );
    const marked = boxesOf(support.y, 0).filter(({ label }) => label >= 0);
    const names = [...new Set(marked.map(({ label }) => label))];
    expect(names).toHaveLength(ways);
    const objects = marked.map(({ label, box: { x, y, width, height } }) => ({
      label: `class ${label}`,
      box: [x, y, width, height] as const,
    }));
    const task = await learner.adapt([{ input: pictureOf(support, 0), objects }]);
    const answers = await task.predict(Array.from({ length: 4 }, (_, at) => pictureOf(query, at)));
    const judged = answers.map(
      (found, at): JudgedPicture => ({
        objects: boxesOf(query.y, at).filter(({ label }) => label >= 0),
        detections: found.map(({ label, box: [x, y, width, height], probability: score }) => ({
          ...{ box: { x, y, width, height }, label: Number(label.slice(6)), score },
        })),
      }),
    );
    figures.push(detectionFigures(judged, { classes: ways }).ap50!);
  }
  const { mean, interval } = meanOf(figures);
  console.log(`scenes: AP50 ${mean.toFixed(3)} ± ${interval.toFixed(3)}, told ${told!.mean.toFixed(3)}`);
  expect(Math.abs(mean - told!.mean)).toBeLessThan(1.5 * (interval + told!.interval));
});

it("a program that loads one by its address loads no learner, no reader of data and no other kind of task", () => {
  const hook = `import { writeSync } from "node:fs"; export const load = (url, context, next) => { writeSync(2, url + "\\n"); return next(url, context); };`;
  const asModule = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
  const entry = new URL("../../innerloop/dist/exported.js", import.meta.url);
  const program = `
    import { loadExported } from ${JSON.stringify(entry)};
    const learner = await loadExported("innerloop:symbols");
    const pictures = [0, 1].map((tone) => new Uint8Array(784).map((_, i) => (i % 7 === 3 * tone ? 255 : 0)));
    const task = await learner.adapt(pictures.map((input, i) => ({ input, label: String(i) })));
    const [{ label }] = await task.predict([pictures[1]]);
    console.log(label);`;
  const register = `import { register } from "node:module"; register(${JSON.stringify(asModule(hook))});`;
  const ran = spawnSync(process.execPath, ["--import", asModule(register), "--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  expect(ran.stdout, ran.stderr).toBe("1\n");
  const loaded = ran.stderr.split("\n").filter((line) => line.includes("/dist/"));
  expect(loaded.filter((url) => url.endsWith("-kind.js")).map((url) => basename(url))).toEqual(["class-kind.js"]);
  expect(loaded.filter((url) => url.endsWith("-inputs.js")).map((url) => basename(url))).toEqual(["image-inputs.js"]);
  expect(loaded.filter((url) => /core\/dist\/(learners|layers|catalogue|optimizers)\//.test(url))).toEqual([]);
  expect(loaded.filter((url) => /\/node\/dist\/(index|cli|data\/(sets|formats))/.test(url))).toEqual([]);
});

it("load takes addresses, and says which there are", async () => {
  const learner = await load("innerloop:intents");
  open.push(learner);
  const examples = ["where is my parcel", "I want my money back"].map((input) => ({ input, label: input }));
  const task = await learner.adapt(examples);
  expect((await task.predict("my parcel is late")).label).toBe("where is my parcel");
  await expect(load("innerloop:simbols")).rejects.toThrow(/^ILE209 .*Did you mean innerloop:symbols\?/);
  await expect(load("innerloop:../symbols")).rejects.toThrow(/^ILE209 .*There are innerloop:symbols, /);
  await expect(load("innerloop:constructor")).rejects.toThrow(/^ILE209 /);
});

/** Strokes as a hand writes them: turned, slanted, stretched, each point a little off. */
function byHand(strokes: Awaited<ReturnType<typeof readHanziStrokes>>, seed: number) {
  let state = Math.imul(seed + 1, 2_654_435_761) >>> 0;
  const off = (size: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return size * (state / 2 ** 31 - 1);
  };
  const [turn, slant, wide] = [off(0.12), off(0.15), 1 + off(0.15)];
  return strokes.map((stroke) => {
    const [dx, dy] = [off(25), off(25)];
    return stroke.map(([x, y]) => {
      const [px, py] = [wide * (x - 512), 388 - y];
      return { x: px - (turn + slant) * py + dx + off(12), y: py + turn * px + dy + off(12) };
    });
  });
}

function meanOf(values: readonly number[]): { readonly mean: number; readonly interval: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, interval: 1.96 * Math.sqrt(variance / values.length) };
}
