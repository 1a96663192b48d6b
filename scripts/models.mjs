// node scripts/models.mjs [NAME...] [--runs DIR] [--export]: makes the learners of @innerloop/models again, each from its
// commands: trains and evaluates it in a run folder (DIR/NAME, runs/models/NAME unless given; one that has begun is gone on
// with), exports it to packages/models/learners/NAME and writes what the package tells of it to src/generated/NAME.ts. With
// --export it only exports runs that are there. What a learner needs before it is in `needs`.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { prepare, root, run } from "./workspace.mjs";

/** A learner: the words of its training, of its evaluations with the names of their files, and of its card. */
const learners = {
  symbols: {
    needs:
      "node scripts/models/symbols-data.mjs FOLDER OUT, with Omniglot's two archives in FOLDER; innerloop data import symbols OUT/x.npy OUT/y.npy",
    train: [
      ..."--data symbols --learner prototypical --filters 40 --downsampling pool --batch-norm running".split(" "),
      ..."--ways 20 --shots 1 --train-ways 10-20 --train-shots 1-5 --queries 3 --rotations yes".split(" "),
      ..."--validation-classes 200 --test-classes 523 --meta-batch 1 --iterations 6000 --outer-rate 2e-3".split(" "),
      ..."--schedule cosine --checkpoint-every 200 --validate-every 1000 --workers 1".split(" "),
    ],
    evaluations: {
      "results-best-shots-5": ["--shots", "5", "--skip-baselines"],
      "results-best-ways-5": ["--ways", "5", "--skip-baselines"],
    },
    maxSupport: 100,
    license: "mit",
    title: "Handwritten symbols of your own, from a few drawings",
    datasets: ["Omniglot", "hanzi"],
    credits:
      "Trained on Omniglot (Lake, Salakhutdinov & Tenenbaum 2015, MIT license) and on characters drawn from the strokes of Make Me a Hanzi (Arphic Technology 1999, Arphic Public License), brought to one form by scripts/models/symbols-data.mjs: ink alone, its longer side 18 to 23 of 28 pixels, in the middle, with pens of 1.2 to 2.4 pixels; three of ten of other sizes and places. Prepare drawings alike: symbolPicture of @innerloop/models does it. The files hold no drawing but those of one held-out task, in expected.safetensors. License of the files: MIT.",
  },
  intents: {
    needs: "innerloop data get clinc150",
    train: [
      ..."clinc150 --vector-width 0 --buckets 32768 --ways 20 --shots 5 --train-shots 1-5 --queries 5".split(" "),
      ..."--workers 1".split(" "),
    ],
    evaluations: {
      "results-best-ways-5": ["--ways", "5"],
      "results-best-ways-5-shots-1": ["--ways", "5", "--shots", "1"],
    },
    maxSupport: 100,
    license: "mit",
    title: "Intents and topics of short texts, from a few sentences",
    datasets: ["clinc150"],
    credits:
      "Trained on requests of CLINC150 (Larson et al. 2019, CC BY 3.0), 50 of its 150 intents. It has learned how much words and pieces of words say, and no vocabulary: texts are hashed to 32,768 numbers. In English; other languages of words with blanks between them work by the same spelling. License of the files: MIT.",
  },
  tastes: {
    needs: "innerloop data get x-wines",
    train: "x-wines --workers 1".split(" "),
    evaluations: {},
    license: "mit",
    title: "Tastes in wine, from a few ratings",
    datasets: ["X-Wines"],
    credits:
      "Trained on 150,000 ratings of X-Wines, Slim version (de Azambuja, Morais & Filipe 2023, CC0 1.0; the authors ask to be cited). items.json has its 1,007 wines with their attributes, and no user. License of the files: MIT.",
  },
  scenes: {
    train: "scenes --filters 16 --iterations 6000 --workers 1".split(" "),
    evaluations: {
      "results-best-shots-5": ["--shots", "5"],
      "results-best-ways-5": ["--ways", "5"],
    },
    ways: 5,
    license: "mit",
    title: "Characters and symbols in pictures, from a few that are marked",
    datasets: ["hanzi"],
    credits:
      "Trained on pictures made by innerloop of characters that are drawn from the strokes of Make Me a Hanzi (Arphic Technology 1999, Arphic Public License): lighter than the ground, 20 to 36 of 112 pixels, turned by 12 degrees at most. The files hold no picture but those of one held-out task, in expected.safetensors. License of the files: MIT.",
  },
  sinusoids: {
    train: "sinusoid --train-shots 5-20 --iterations 20000 --workers 1".split(" "),
    evaluations: { "results-best-shots-5": ["--shots", "5"] },
    license: "mit",
    title: "Sine curves from a few points",
    datasets: ["sinusoids"],
    credits:
      "Trained on curves that are a formula, y = A sin(x - phi) with A from 0.1 to 5, phi from 0 to pi and x from -5 to 5: no data of anybody. License of the files: MIT.",
  },
};

const words = process.argv.slice(2);
const given = (flag) => (words.includes(flag) ? words.splice(words.indexOf(flag), 2)[1] : undefined);
const runs = resolve(given("--runs") ?? "runs/models");
const onlyExports = words.includes("--export");
const names = words.filter((word) => word !== "--export");
const unknown = names.find((name) => !Object.hasOwn(learners, name));
if (unknown !== undefined) {
  console.error(`no learner ${unknown}. There are ${Object.keys(learners).join(", ")}`);
  process.exit(2);
}

prepare();
const command = join(root, "packages", "innerloop", "bin", "innerloop.js");
const innerloop = (...args) => {
  console.log(`innerloop ${args.join(" ")}`);
  if (run(process.execPath, [command, ...args]) !== 0) process.exit(1);
};
for (const name of names.length > 0 ? names : Object.keys(learners)) {
  const { needs, train, evaluations, maxSupport, ways, ...card } = learners[name];
  const from = join(runs, name);
  if (!onlyExports) {
    if (existsSync(join(from, "config.json"))) innerloop("train", "--resume", from);
    else {
      if (needs) console.log(`${name} needs: ${needs}`);
      innerloop("train", ...train, "--run", from);
    }
  }
  for (const [file, flags] of Object.entries(evaluations))
    if (!existsSync(join(from, `${file}.json`))) innerloop("eval", from, ...flags);
  const to = join(root, "packages", "models", "learners", name);
  mkdirSync(join(root, "packages", "models", "learners"), { recursive: true });
  const told = Object.entries(card).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const size = Object.entries({ "max-support": maxSupport, ways }).flatMap(([flag, value]) =>
    value === undefined ? [] : [`--${flag}`, String(value)],
  );
  const results = Object.keys(evaluations);
  innerloop(
    "export",
    from,
    "-o",
    to,
    ...size,
    ...told,
    ...(results.length > 0 ? ["--results", results.join(",")] : []),
  );
  writeGenerated(name, { from, to, evaluations: ["results", ...results] });
}

/** The module of what the package tells of a learner: figures, size, and where its files are. */
function writeGenerated(name, { from, to, evaluations }) {
  const figures = evaluations.map((file) => {
    const { summary, evaluations: methods } = JSON.parse(readFileSync(join(from, `${file}.json`), "utf8"));
    const [{ figures: described, rows, protocol }] = methods;
    const [{ name: key, title }] = described;
    const { steps, figures: found } = rows.at(-1);
    const { mean, interval } = found[key];
    return { protocol: summary.split("; mean ± ")[0], title, mean, interval, tasks: protocol.tasks, steps };
  });
  const files = readdirSync(to, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(to, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .sort();
  const bytes = files.reduce((sum, file) => sum + statSync(join(to, file)).size, 0);
  const urls = files.map(
    (file) => `    ${JSON.stringify(file)}: () => new URL("../../learners/${name}/${file}", import.meta.url),`,
  );
  writeFileSync(
    join(root, "packages", "models", "src", "generated", `${name}.ts`),
    `// Written by scripts/models.mjs.
import type { IncludedModel } from "../included-model.js";

export const folder: Pick<IncludedModel, "figures" | "bytes" | "files"> = {
  figures: ${JSON.stringify(figures, null, 2).replaceAll("\n", "\n  ")},
  bytes: ${bytes},
  files: {
${urls.join("\n")}
  },
};
`,
  );
}
