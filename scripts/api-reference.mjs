// Writes the API reference, docs/api/*.md: a page for each package, from the declarations that users compile against. With
// --check it writes nothing, and fails where a page is not up to date or a public name has no docstring.
//
// typedoc 0.28 and api-extractor 7 bring a second compiler, TypeScript 6, and list 360 names by the alphabet; the compiler
// that builds the packages tells by its own API (unstable: its version is pinned) all that a page needs.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { API, SymbolFlags } from "typescript/unstable/sync";

const root = resolve(fileURLToPath(new URL("..", import.meta.url)));

/** The pages, where there are names for one; a section has the public names that are declared in these files or folders, the last one all that are left. */
const pages = [
  {
    name: "@innerloop/core",
    folder: "core",
    about:
      "Learners, models, tasks, training and evaluation: what the package innerloop gives, without an engine. Names that stand here without an entry point are imported from `innerloop`; the others from `innerloop/detection`, `/layers`, `/learners`, `/reinforcement`, `/tasks` and `/training`, or by the same entry points of `@innerloop/core`.",
    sections: [
      ["Training, evaluation and adaptation", ["training/train", "artifacts/run", "evaluation/evaluate"]],
      ["Gradient-based learners", ["learners/gradient/"]],
      ["Metric-based learners", ["learners/metric/"]],
      ["Learners with a head in closed form", ["learners/closed-form/"]],
      ["Model-based learners", ["learners/model-based/"]],
      ["Baselines", ["learners/baselines/"]],
      ["What a learner is, and the catalogue", ["learners/"]],
      ["Layers", ["layers/"]],
      ["Networks", ["networks/"]],
      ["Losses", ["losses/"]],
      ["Optimizers", ["optimizers/"]],
      ["Object detection", ["domains/detection/"]],
      ["Reinforcement learning", ["domains/reinforcement/"]],
      ["Tasks", ["tasks/", "domains/"]],
      ["Open sets, calibration, checkpoints and memory", ["evaluation/", "training/", "artifacts/"]],
      ["Random numbers", [""]],
    ],
  },
  {
    name: "@innerloop/graph",
    folder: "graph",
    about:
      "Tensors and operations, gradients, task batching, and the compiler: what models and losses are written with.",
    sections: [
      ["Tensors and trees", ["program/tensor", "program/tensor-type", "program/tree"]],
      ["Operations", ["program/operations", "program/primitives/"]],
      ["Transformations", ["transforms/", "program/graph"]],
      ["Compiling and running", ["runtime/compile", "index", "runtime/", "reference/", "lowering/"]],
      ["Primitives and errors", [""]],
    ],
  },
  {
    name: "@innerloop/experiments",
    folder: "experiments",
    about:
      "Kinds of task, options, presets, sessions and figures: what a terminal, a service and a page have in common.",
    sections: [
      ["Trained models", ["trained-model"]],
      ["Kinds of task", ["domains/"]],
      ["Configs and options", ["config/", "build", "options/", "io"]],
      ["Sessions", ["sessions/"]],
      ["Runs", ["runs/"]],
      ["Figures", ["figures/", "protocol-text", "words"]],
      ["Tables of published results", ["published/", ""]],
    ],
  },
  {
    name: "@innerloop/models",
    folder: "models",
    about:
      "Learners that come trained, and drawings as one of them knows them. It comes along with innerloop and with @innerloop/web.",
    sections: [
      ["Learners", ["index", "included-model"]],
      ["Drawings", [""]],
    ],
  },
  {
    name: "@innerloop/mujoco",
    folder: "mujoco",
    about:
      "Half-cheetah and ant in MuJoCo, as families of tasks of meta-reinforcement learning. A package of its own, installed by those who simulate: `npm install @innerloop/mujoco`.",
    sections: [
      ["Families", ["half-cheetah", "ant", "locomotion-family", "goals"]],
      ["Settings", ["locomotion-settings", "bodies"]],
      ["Errors", [""]],
    ],
  },
  {
    name: "@innerloop/node",
    folder: "node",
    about: "Data sets, run folders, experiments and executors in Node.",
    sections: [
      ["Executors", ["index", "executor/"]],
      ["Data", ["data/"]],
      ["Runs and experiments", [""]],
    ],
  },
  {
    name: "@innerloop/web",
    folder: "web",
    about:
      "Executors of a browser, on onnxruntime-web, and pictures of a page as arrays. A package of its own, for pages: `npm install innerloop @innerloop/web`.",
    sections: [
      ["Executors", ["index", "web-executor", "engine"]],
      ["Pictures", ["images/", ""]],
    ],
  },
];

/**
 * The public names of each page with what is said of them.
 *
 * @returns by page, entries { name, file, doc, signature } in the order of the declarations; `doc` is the text between the
 *   comment's marks, empty where there is none
 */
function publicNames() {
  const api = new API({ cwd: root });
  try {
    const config = join(root, "scripts", "api-reference.tsconfig.json");
    const project = api.updateSnapshot({ openProjects: [config] }).getProjects()[0];
    const { program, checker } = project;
    return pages.map((page) => {
      const entries = exportsOf(page, program, checker).map(([exported, from]) => {
        const symbol = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
        const declarations = symbol.declarations.map((handle) => {
          const node = statementOf(handle.resolve(project));
          const { text, fileName } = node.getSourceFile();
          const [, owner, file] = /^packages\/([^/]+)\/dist\/(.*)\.d\.ts$/.exec(relative(root, fileName));
          return { owner, file, ...partsOf(text.slice(node.pos, node.end)) };
        });
        // Overloads are one name, and what is said of the first goes for all.
        const [{ owner, file, doc }] = declarations;
        return {
          name: exported.name,
          from,
          owner,
          file,
          doc,
          signature: declarations.map((each) => each.signature).join("\n"),
        };
      });
      // What a package passes on of another stands on that one's page.
      const own = entries.filter(({ owner, doc }) => owner === page.folder && !doc.startsWith("@internal"));
      return { ...page, entries: own };
    });
  } finally {
    api.close();
  }
}

/**
 * What the entry points of a package export, its root first: each name once, with the first entry point that it is
 * imported from. (A test has it that it means the same in the others.)
 */
function exportsOf({ folder }, program, checker) {
  const packageFolder = join(root, "packages", folder);
  const { name, exports } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8"));
  const found = new Map();
  for (const [entry, { types }] of Object.entries(exports)) {
    // The command line is a program, not a library.
    if (types === undefined || entry === "./command-line") continue;
    const declarations = program.getSourceFile(join(packageFolder, types));
    if (!declarations) throw new Error(`${types} of ${name} is not built: npm run build`);
    for (const exported of checker.getExportsOfModule(checker.getSymbolAtLocation(declarations)))
      if (!found.has(exported.name)) found.set(exported.name, [exported, `${name}${entry.slice(1)}`]);
  }
  return [...found.values()];
}

/** The whole declaration: of a variable its statement, with `export`. */
function statementOf(node) {
  let statement = node;
  while (statement.parent?.parent) statement = statement.parent;
  return statement;
}

/** A declaration's last comment, and the rest without members that are internal or private. */
function partsOf(text) {
  const [, before, signature] = /^((?:\s*\/\*\*(?:[^*]|\*(?!\/))*\*\/|\s*\/\/[^\n]*\n)*)\s*([\s\S]*)$/.exec(text);
  const comment = before.slice(before.lastIndexOf("/**"));
  const doc = before.includes("/**")
    ? comment
        .slice(3, -2)
        .replace(/^[ \t]*\*? ?/gm, "")
        .trim()
    : "";
  const shown = signature
    .replace(/^export (declare )?/, "")
    .replace(/^ *\/\*\* @internal(?:[^*]|\*(?!\/))*\*\/\n.*\n/gm, "")
    .replace(/^ *private .*\n/gm, "")
    .replace(/^( +)/gm, (indent) => " ".repeat(indent.length / 2));
  return { doc, signature: shown };
}

function pageText({ name, about, sections, entries }) {
  const left = new Set(entries);
  const parts = sections.map(([title, files]) => {
    const placeOf = ({ file }) => files.findIndex((each) => covers(each, file));
    const own = [...left].filter((entry) => placeOf(entry) >= 0).sort((a, b) => placeOf(a) - placeOf(b));
    for (const entry of own) left.delete(entry);
    return { title, own };
  });
  const slugs = new Map();
  /** The anchor that GitHub gives to a heading: the second of two alike ends in -1. */
  const anchorOf = (heading) => {
    const slug = heading
      .toLowerCase()
      .replace(/[^\w -]/g, "")
      .replaceAll(" ", "-");
    slugs.set(slug, (slugs.get(slug) ?? -1) + 1);
    return slugs.get(slug) === 0 ? slug : `${slug}-${slugs.get(slug)}`;
  };
  anchorOf(name);
  const sectionsShown = parts.map(({ title, own }) => ({
    title,
    anchor: anchorOf(title),
    shown: own.map((entry) => ({ ...entry, anchor: anchorOf(entry.name) })),
  }));
  const lines = [
    `# ${name}`,
    "",
    "<!-- Written by `npm run docs` from the docstrings; a test keeps it so. -->",
    "",
    about,
    "",
    ...sectionsShown.map(({ title, anchor, shown }) => `- [${title}](#${anchor}): ${shown.length} names`),
    "",
  ];
  for (const { title, shown } of sectionsShown) {
    const [types, values] = [shown.filter(isType), shown.filter((entry) => !isType(entry))];
    lines.push(`## ${title}`, "");
    if (values.length > 0) {
      lines.push("| | |", "| --- | --- |");
      for (const entry of values) lines.push(`| ${linkTo(entry)} | ${summaryOf(entry.doc)} |`);
      lines.push("");
    }
    if (types.length > 0) lines.push(`Types: ${types.map(linkTo).join(", ")}.`, "");
    for (const { name: own, from, doc, signature } of shown) {
      const imported = from === name ? [] : [`Imported from \`${from}\`.`, ""];
      lines.push(`### ${own}`, "", "```ts", signature, "```", "", ...imported, ...docLines(doc), "");
    }
  }
  return `${lines
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trimEnd()}\n`;
}

/** A folder, or all, where it ends in a slash or is empty; else the file itself. */
const covers = (place, file) => place === file || (/(^|\/)$/.test(place) && file.startsWith(place));

const isType = ({ signature }) => /^(interface|type) /.test(signature);
const linkTo = ({ name, anchor }) => `[\`${name}\`](#${anchor})`;

/** A docstring's first sentence, in one line of a table. */
function summaryOf(doc) {
  const [first] = doc.split(/\n\s*\n|\n *@/);
  const text = first.replace(/\s+/g, " ");
  const [, sentence = text] = /^(.*?[.:])(?: [A-Z].*)?$/.exec(text) ?? [];
  return escaped(sentence.replace(/[.:]$/, "")).replaceAll("|", "\\|");
}

/** A docstring in Markdown: indented lines are formulas, `@throws` and the like are lists, `@example` is code. */
function docLines(doc) {
  const [text, ...tags] = doc.split(/^@(?=\w)/m);
  const lines = [];
  for (const paragraph of text.trim().split(/\n\s*\n/)) {
    // Formulas are indented; what is indented in a list goes on with an item.
    const isList = /^ *- /m.test(paragraph);
    for (const line of paragraph.split("\n")) {
      const isFormula = !isList && /^ {2}/.test(line);
      if (isFormula && lines.at(-1) === "```") lines.pop();
      else if (isFormula) lines.push("```text");
      lines.push(isFormula ? line.slice(2) : escaped(line));
      if (isFormula) lines.push("```");
    }
    lines.push("");
  }
  const items = [];
  const examples = [];
  for (const tag of tags) {
    const [, kind, rest] = /^(\w+)\s?([\s\S]*)$/.exec(tag);
    const told = escaped(rest.trim().replace(/\s*\n\s*/g, " "));
    if (kind === "example") examples.push("", "```ts", rest.trim(), "```");
    else if (kind === "param" || kind === "typeParam") items.push(`- ${told.replace(/^(\S+)/, "`$1`:")}`);
    else items.push(`- ${kind}: ${told}`);
  }
  return [...lines, ...items, ...examples];
}

/** Text whose signs are not those of Markdown: `a * b`, `<T>`. What stands in backticks is code already. */
const escaped = (text) =>
  text
    .split(/(`[^`]*`)/)
    .map((part, i) => (i % 2 === 1 ? part : part.replace(/[*_<]/g, "\\$&")))
    .join("");

/** Names that a reader learns nothing about from their docstring's first words. */
function problemsOf({ folder, entries }) {
  return entries.flatMap(({ name, file, doc }) => {
    const where = `packages/${folder}/src/${file}.ts: ${name}`;
    if (doc === "" || doc.startsWith("@")) return [`${where} has no docstring`];
    const [word] = doc.split(/\W/);
    if (!/^(What|Whether|How|Where|When|Which|Who|Returns?|This|These|Gets?)$/.test(word)) return [];
    return [`${where}: the docstring begins with "${word}": begin with the noun`];
  });
}

const named = publicNames().filter(({ entries }) => entries.length > 0);
const problems = named.flatMap(problemsOf);
for (const page of named) {
  const file = `docs/api/${page.folder}.md`;
  const [path, text] = [join(root, file), pageText(page)];
  if (!process.argv.includes("--check")) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, "utf8") !== text)
    problems.push(`${file} is not what the docstrings say: npm run docs`);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
