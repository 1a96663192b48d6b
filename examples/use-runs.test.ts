/** The programs that use trained runs, each in a process of its own: runs of images, of a table, of texts, of ratings and of curves. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { random } from "innerloop";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const bin = path("../packages/node/bin/innerloop.js");

let folder: string;

beforeAll(async () => {
  if (!existsSync(path("../packages/innerloop/dist/node.js"))) throw new Error("Build first: npm run build");
  folder = await mkdtemp(join(tmpdir(), "innerloop-use-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const innerloop = (...args: readonly string[]): string =>
  execFileSync(process.execPath, [bin, ...args, "--quiet"], {
    encoding: "utf8",
    env: { ...process.env, INNERLOOP_DATA: join(folder, "data") },
  });
const use = (program: string, ...args: readonly string[]): unknown =>
  JSON.parse(execFileSync(process.execPath, [path(program), ...args], { encoding: "utf8" }));

/** Drawings of a class: bars at an angle of its own. */
async function drawing(file: string, angle: number, seed: number): Promise<void> {
  const draw = random(7, seed);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const pixels = Uint8Array.from({ length: 784 }, (_, i) => {
    const [x, y] = [(i % 28) - 14, Math.floor(i / 28) - 14];
    return Math.abs(x * c + y * s) < 3 ? 200 + draw.integer(50) : draw.integer(30);
  });
  await sharp(pixels, { raw: { width: 28, height: 28, channels: 1 } })
    .png()
    .toFile(file);
}

test("use-images: classes that it never saw, from one image each", async () => {
  const run = join(folder, "images-run");
  innerloop(
    ...["train", "hanzi", "--learner", "prototypical", "--filters", "8", "--train-ways", "5", "--iterations", "60"],
    ...["--validate-every", "0", "--skip-evaluation", "--run", run],
  );
  const angles = [0, 0.8, 1.6, 2.4];
  for (const [i, angle] of angles.entries()) {
    await mkdir(join(folder, "examples", `bars ${i}`), { recursive: true });
    await drawing(join(folder, "examples", `bars ${i}`, "0.png"), angle, i);
    await drawing(join(folder, `asked-${i}.png`), angle + 0.05, 100 + i);
  }
  const asked = angles.map((_, i) => join(folder, `asked-${i}.png`));
  const answers = use("use-images.mjs", run, join(folder, "examples"), ...asked) as {
    prediction: string;
    probabilities: Record<string, number>;
  }[];
  expect(answers.map(({ prediction }) => prediction)).toEqual(["bars 0", "bars 1", "bars 2", "bars 3"]);
  for (const { probabilities } of answers)
    expect(Object.values(probabilities).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);

  // The same from its exported folder, by two of the images.
  const exported = join(folder, "exported");
  innerloop("export", run, "-o", exported);
  const [thorn, ash] = [0, 2].map((i) => join(folder, "examples", `bars ${i}`, "0.png")) as [string, string];
  const labels = use("use-exported.mjs", exported, thorn, ash, asked[2]!) as { label: string; probability: number }[];
  expect(labels.map(({ label }) => label)).toEqual(["ash", "thorn", "ash"]);
  for (const { probability } of labels) expect(probability).toBeGreaterThan(0.5);
});

test("use-table: values in the table's units", async () => {
  const table = join(folder, "rides.csv");
  const run = join(folder, "table-run");
  const rows = Array.from({ length: 30 }, (_, city) => {
    const draw = random(3, city);
    const [start, rate] = [2 + 3 * draw.uniform(0, 1), 1.5 + draw.uniform(0, 1)];
    return Array.from({ length: 16 }, (_row, i) => {
      const distance = draw.uniform(1, 20);
      return [
        `city ${city}`,
        distance.toFixed(2),
        draw.integer(24),
        i % 2,
        (start + rate * distance).toFixed(2),
      ].join();
    });
  });
  await writeFile(table, `city,distance,hour,weekend,fare\n${rows.flat().join("\n")}\n`);
  innerloop(
    ...["train", "--data", table, "--group-column", "city", "--target", "fare", "--iterations", "400"],
    ...["--validate-every", "0", "--skip-evaluation", "--run", run],
  );
  const [{ fare }] = use("use-table.mjs", run) as [{ fare: number }];
  // Its five rows are of about 1.5 + 2.4 a kilometre, and it is asked for four.
  expect(fare).toBeGreaterThan(8);
  expect(fare).toBeLessThan(14);
});

/** Requests of twelve intents, each of three things and three verbs. */
function requests(): string {
  const words = (kind: string, intent: number): string[] =>
    [0, 1, 2].map((i) => `${kind}${"abcdefghijkl"[intent]}${"xyz"[i]}ing`);
  const rows = Array.from({ length: 12 }, (_, intent) => {
    const [things, verbs] = [words("th", intent), words("ve", intent)];
    return things.flatMap((thing) =>
      verbs.map((verb) => `"please ${verb} the ${thing}, thanks",intent ${"abcdefghijkl"[intent]}`),
    );
  });
  return `request,intent\n${rows.flat().join("\n")}\n`;
}

test("use-texts: classes that it never saw, from two sentences each, and by lines of standard input", async () => {
  const table = join(folder, "requests.csv");
  const run = join(folder, "texts-run");
  await writeFile(table, requests());
  innerloop(
    ...["train", "--data", table, "--text-column", "request", "--label-column", "intent", "--ways", "3"],
    ...["--shots", "2", "--queries", "2", "--iterations", "5", "--validate-every", "0", "--skip-evaluation"],
    ...["--run", run],
  );
  const answers = use("use-texts.mjs", run) as { prediction: string; probabilities: Record<string, number> }[];
  expect(answers.map(({ prediction }) => prediction)).toEqual(["refund", "delivery"]);
  for (const { probabilities } of answers)
    expect(Object.values(probabilities).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);

  const support = join(folder, "three.csv");
  await writeFile(
    support,
    "text,label\nmy money back,refund\npay it back,refund\nlost password,login\nlogin fails,login\n",
  );
  const asked = Buffer.from("my money, please\r\n\ncaf\xe9\nthe login fails", "latin1");
  const adapt = (...more: readonly string[]) =>
    spawnSync(process.execPath, [bin, "adapt", run, "--support", support, "--query", "-", ...more], {
      encoding: "utf8",
      input: asked,
    });
  const { stdout, stderr, status } = adapt();
  expect(stdout.split("\n").map((line) => line.replace(/ .*/, ""))).toEqual(["refund", "", "", "login", ""]);
  expect([stderr, status]).toEqual([
    "line 3: the text is not UTF-8. Send it as UTF-8, for example through iconv -t UTF-8\n",
    0,
  ]);
  const records = adapt("--json").stdout.trim().split("\n");
  expect(records.map((record) => JSON.parse(record)).map(({ type, line }) => [type, line])).toEqual([
    ["adapted", undefined],
    ["prediction", 1],
    ["refused", 3],
    ["prediction", 4],
  ]);
});

/** Films of two kinds, and ratings of people who like one and not the other. */
function filmsAndRatings(): { readonly films: string; readonly ratings: string } {
  const known = ["Heat", "Amelie", "Alien", "Solaris", "Ran", "Tampopo", "Stalker"];
  const kinds = ["thriller", "drama", "thriller", "drama", "thriller", "drama", "thriller"];
  const films = Array.from({ length: 32 }, (_, i) => [known[i] ?? `Film ${i}`, kinds[i] ?? kinds[i % 2]!] as const);
  const id = (i: number): string => String(i).padStart(3, "0");
  const ratings = Array.from({ length: 150 }, (_, user) => {
    const draw = random(3, user);
    const liked = kinds[draw.integer(2)];
    return draw
      .choose(films.length, 18)
      .map(
        (i) => `u${user},${id(i)},${Math.round(2 * (films[i]![1] === liked ? 4.2 : 1.8) + draw.normal(0, 0.5)) / 2}`,
      );
  });
  return {
    films: `film,title,genre\n${films.map(([title, kind], i) => `${id(i)},${title},${kind}`).join("\n")}\n`,
    ratings: `user,film,rating\n${ratings.flat().join("\n")}\n`,
  };
}

test("recommend: films in the order in which a new user may like them, by three ratings", async () => {
  const [ratings, films, run] = ["ratings.csv", "films.csv", "ratings-run"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const made = filmsAndRatings();
  await writeFile(ratings, made.ratings);
  await writeFile(films, made.films);
  innerloop(
    ...["train", "ratings", "--ratings", ratings, "--items", films, "--learner", "ridge", "--iterations", "60"],
    ...["--validate-every", "0", "--skip-evaluation", "--run", run],
  );
  const answers = use("recommend.mjs", run) as { item: string; rating: number }[];
  // It likes thrillers.
  expect(
    answers
      .map(({ item }) => item)
      .slice(0, 2)
      .sort(),
  ).toEqual(["Ran", "Stalker"]);
  expect(answers[1]!.rating - answers[2]!.rating).toBeGreaterThan(0.5);
  for (const { rating } of answers) expect(rating >= 1 && rating <= 5).toBe(true);
});

test("use-curves: points of a curve", () => {
  const run = join(folder, "curves-run");
  innerloop(
    ...["train", "sinusoid", "--iterations", "1500", "--validate-every", "0", "--skip-evaluation", "--run", run],
  );
  const answers = use("use-curves.mjs", run) as { y: number }[];
  const error = answers.map(({ y }, i) => Math.abs(y - 2 * Math.sin([-2.5, 2.5][i]! - 1)));
  expect(Math.max(...error)).toBeLessThan(1.2);
});

test("five-examples: a learner that comes trained sorts a text into classes of five examples", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path("five-examples.mjs")], { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/label: 'delivery'/);
});
