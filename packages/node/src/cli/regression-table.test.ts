import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { random } from "@innerloop/core";
import { afterAll, beforeAll, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../../bin/innerloop.js", import.meta.url));
let folder: string;

function innerloop(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const environment = { NO_COLOR: "1", DEBUG: "", INNERLOOP_DATA: join(folder, "data"), npm_command: undefined };
  const child = spawn(process.execPath, [bin, ...args], { cwd: folder, env: { ...process.env, ...environment } });
  const texts = { out: "", err: "" };
  child.stdout.on("data", (text: Buffer) => {
    texts.out += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    texts.err += text.toString();
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, ...texts })));
}

/** Temperatures of sensors, each with a line of its own over the hours, in noise; the rows in no order. */
function sensors(): string {
  const source = random(11);
  const rows = Array.from({ length: 40 }, (_, sensor) => {
    const [slope, offset] = [source.uniform(-2, 2), source.uniform(10, 30)];
    return Array.from({ length: 12 + (sensor % 3) }, () => {
      const hour = source.uniform(0, 24);
      return `sensor ${sensor},${hour.toFixed(3)},ok,${(offset + slope * hour + source.normal(0, 0.3)).toFixed(3)}`;
    });
  }).flat();
  return `${["sensor,hour,state,degrees", ...source.shuffle(rows)].join("\n")}\n`;
}

beforeAll(async () => {
  if (!existsSync(new URL("../../dist/cli/main.js", import.meta.url))) throw new Error("Build first: npm run build");
  folder = await mkdtemp(join(tmpdir(), "innerloop-table-"));
  await writeFile(join(folder, "sensors.csv"), sensors());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const table = ["--data", "sensors.csv", "--group-column", "sensor", "--target", "degrees"];
const short =
  "--iterations 400 --hidden 24,24 --outer-rate 0.003 --validate-every 0 --eval-tasks 60 --eval-steps 0,5 --workers 1".split(
    " ",
  );
/** Mean squared errors before and after adapting, of the run's learner and then of its baselines. */
const losses = async (file: string): Promise<number[][]> => {
  const { evaluations } = JSON.parse(await readFile(join(folder, file), "utf8"));
  return evaluations.map(({ rows }: { rows: { figures: { loss: { mean: number } } }[] }) =>
    rows.map(({ figures }) => figures.loss.mean),
  );
};

test("trains on the groups of a table, and judges by groups that it has not seen", async () => {
  const { code, out, err } = await innerloop("train", ...table, ...short, "--run", "run");
  expect([err, code]).toEqual(["", 0]);
  expect(out).toMatch(/groups of sensor, 28 to train on, 4 to validate, 8 held out; degrees from hour, 5 support/);
  expect(out).toContain("columns: sensor = group (40 values), hour = input, degrees = target, state = text (left out)");
  expect(out).toMatch(/from scratch/);
  // Each sensor is a line in noise of 0.3 degrees: plain statistics do best, which is said, in degrees.
  expect(out).toMatch(
    /hierarchical linear model does better than MAML: 0\.[34]\d\d ± .* \(root mean squared error of degrees\)/,
  );
  const [[before, after], [, scratch]] = (await losses("run/results.json")) as [[number, number], [number, number]];
  // From nothing to the sensor's line; from scratch, as many steps do not get there.
  expect(after).toBeLessThan(0.2 * before);
  expect(after).toBeLessThan(0.3 * scratch);
  const config = JSON.parse(await readFile(join(folder, "run/config.json"), "utf8"));
  expect(config).toMatchObject({
    experiment: "table",
    config: { domain: { name: "tables", groupColumn: "sensor", target: ["degrees"] }, network: { name: "mlp" } },
    data: { name: "sensors", folder: join(folder, "sensors.csv"), exampleShape: [1] },
    protocol: { table: "sensors", inputs: "hour", targets: "degrees", groups: 8, shots: 5, standardized: true },
  });
  const { evaluations } = JSON.parse(await readFile(join(folder, "run/results.json"), "utf8"));
  const [mean, squares, hierarchical] = evaluations.slice(-3);
  expect([mean, squares, hierarchical].map(({ learner }) => learner)).toEqual([
    "pooled mean",
    "least squares",
    "hierarchical linear model",
  ]);
  const errorOf = ({ rows }: { rows: { figures: Record<string, { mean: number }> }[] }) =>
    rows[0]!.figures["rootMeanSquaredError of degrees"]!.mean;
  expect(errorOf(hierarchical)).toBeLessThan(0.5);
  expect(errorOf(squares)).toBeLessThan(0.5);
  expect(errorOf(mean)).toBeGreaterThan(5);

  const again = await innerloop("eval", "run", "--workers", "1");
  expect([again.err, again.code]).toEqual(["", 0]);
  expect((await losses("run/results.json"))[0]).toEqual([before, after]);
  const more = await innerloop("eval", "run", "--shots", "8", "--queries", "3", "--skip-baselines", "--workers", "1");
  expect(more.code).toBe(0);
  expect(more.out).toMatch(/8/);

  const others = Array.from({ length: 90 }, (_, i) => `other ${i % 3},${i / 4},${20 + (i % 3) * i}`);
  await writeFile(join(folder, "others.csv"), `sensor,hour,degrees\n${others.join("\n")}\n`);
  const other = await innerloop("eval", "run", "--data", "others.csv", "--workers", "1");
  expect(other.code).toBe(0);
  expect(other.out).toContain("trained on sensors, tested on others");
  expect(other.out).toMatch(/hierarchical linear model/);

  await appendFile(join(folder, "sensors.csv"), "sensor 3,1,ok,20\n");
  expect((await innerloop("eval", "run")).err).toMatch(/ILN06 run: the data set sensors is not the one/);
});

test("says what is wrong with a table or its options", async () => {
  const without = await innerloop("train", "--data", "sensors.csv", "--group-column", "sensor");
  expect([without.code, without.err]).toEqual([
    2,
    "Error: --group-column sensor without --target. Tasks from a table take --data FILE.csv --group-column COLUMN --target COLUMN\n",
  ]);
  const absent = await innerloop("train", ...table.slice(0, -1), "kelvin");
  expect(absent.err).toMatch(/ILD71 .*there is no column "kelvin"\. It has sensor, hour, state, degrees/);
  const text = await innerloop("train", ...table.slice(0, -1), "state");
  expect(text.err).toMatch(/sensors\.csv:2: column "state" holds "ok" in line 2, .* where a number should be/);
  const large = await innerloop("train", ...table, "--shots", "30");
  expect([large.code, large.err]).toEqual([
    2,
    expect.stringMatching(
      /of the 40 groups of sensor in sensors\.csv, none has the \d+ rows that --shots 30 and \d+ queries take; the largest has \d+\. Let --shots and --queries together take at most \d+ rows of a group/,
    ),
  ]);
  const classes = await innerloop("train", ...table, "--learner", "prototypical");
  expect([classes.code, classes.err]).toEqual([
    2,
    expect.stringMatching(
      /^Error: --learner prototypical of tables, whose tasks are regression, which it is not for\. Choose one of maml, .*joint\n$/,
    ),
  ]);
  const many = await innerloop("eval", "run", "--shots", "30");
  expect([many.code, many.err]).toEqual([2, expect.stringMatching(/sensors\.csv, none has the \d+ rows/)]);
});

test("the families of curves are data sets by name", async () => {
  const { code, err } = await innerloop(
    ..."train --data harmonics --iterations 3 --eval-tasks 4 --validation-tasks 4 --workers 1 --run harmonics".split(
      " ",
    ),
  );
  expect([err.replace(/.*adaptation (does not help|makes).*\n/g, ""), code]).toEqual(["", 0]);
  const config = JSON.parse(await readFile(join(folder, "harmonics/config.json"), "utf8"));
  expect(config.protocol).toMatchObject({ frequency: "5 to 7", shots: 10 });
});
