/** No regular expression of ours takes more than linear time, unless what it meets is short. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseRegExpLiteral, visitRegExpAST } from "@eslint-community/regexpp";
import { analyse } from "scslre";
import { type Node, SyntaxKind } from "typescript/unstable/ast";
import { API } from "typescript/unstable/sync";
import { beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const packages = ["graph", "core", "experiments", "models", "mujoco", "node", "innerloop", "web"] as const;

/** Those that may take longer, each with what bounds the text that it meets. */
const exceptions: Readonly<Record<string, string>> = {
  "/[^/]*$/": "the address of a module of ours: a path, of at most 4,096 characters",
  "/\\(?((?:file:\\/\\/|https?:\\/\\/|\\/|[A-Za-z]:\\\\)[^()]*?):(\\d+):\\d+\\)?$/":
    "a line of a stack that the engine wrote: a function and a path",
  "/\\?.*$/": "the path in such a line",
  "/\\B(?=(\\d{3})+(?!\\d))/g": "the digits of a whole number, at most 22",
};

/** An expression that is put together at run time. */
const made = "new RegExp(...)";
interface Found {
  readonly where: string;
  readonly literal: string;
}

let found: readonly Found[];
beforeAll(() => {
  const api = new API({ cwd: root });
  try {
    const projects = packages.map((name) => `${root}packages/${name}/tsconfig.json`);
    const snapshot = api.updateSnapshot({ openProjects: projects });
    // A file may belong to several projects: to its own, and to one that refers to that.
    const seen = new Set<string>();
    found = snapshot.getProjects().flatMap(({ program }) =>
      program
        .getSourceFileNames()
        .filter((name) => !seen.has(name) && seen.add(name))
        .filter((name) => packages.some((each) => name.startsWith(`${root}packages/${each}/src/`)))
        .filter((name) => !/\.(test|fixture)\.ts$/.test(name))
        .flatMap((name) => literalsIn(program.getSourceFile(name)!, relative(root, name))),
    );
  } finally {
    api.close();
  }
});

function literalsIn(file: Node & { readonly text: string }, where: string): Found[] {
  const literals: Found[] = [];
  const visit = (node: Node): void => {
    if (node.kind === SyntaxKind.RegularExpressionLiteral) literals.push({ where, literal: node.getText() });
    if (node.kind === SyntaxKind.NewExpression && node.getText().startsWith("new RegExp("))
      literals.push({ where, literal: made });
    node.forEachChild(visit);
  };
  visit(file);
  return literals;
}

/**
 * Why an expression may take more than linear time: two ways to read a repetition, where a match may begin anywhere, or
 * repetitions within one another, which the analysis does not always follow.
 */
function faultOf(literal: string): string | undefined {
  const parsed = parseRegExpLiteral(literal);
  const expression = new RegExp(parsed.pattern.raw, parsed.flags.raw);
  const [report] = analyse(expression, { reportTypes: { Trade: true, Self: true, Move: true } }).reports;
  if (report) return `${report.type}, on many of ${JSON.stringify(report.character.pick)}`;
  let depth = 0;
  let isNested = false;
  const varies = ({ min, max }: { readonly min: number; readonly max: number }): boolean => max > 1 && min !== max;
  visitRegExpAST(parsed, {
    onQuantifierEnter(node) {
      if (depth > 0 && node.max > 1) isNested = true;
      if (varies(node)) depth++;
    },
    onQuantifierLeave(node) {
      if (varies(node)) depth--;
    },
  });
  return isNested ? "a repetition within a repetition" : undefined;
}

test("every regular expression takes time in proportion to its text, or meets a short one", () => {
  expect(found.length).toBeGreaterThan(50);
  const faults = found
    .filter(({ literal }) => literal !== made)
    .map(({ where, literal }) => ({ where, literal, fault: faultOf(literal) }))
    .filter(({ fault, literal }) => fault !== undefined && !Object.hasOwn(exceptions, literal));
  expect(faults).toEqual([]);
  // What is put together at run time may be anything: there is none of the kind.
  expect(found.filter(({ literal }) => literal === made)).toEqual([]);
});

test("no exception is of an expression that is gone, or needs none", () => {
  for (const literal of Object.keys(exceptions)) {
    expect(
      found.some((each) => each.literal === literal),
      literal,
    ).toBe(true);
    expect(faultOf(literal), literal).toBeDefined();
  }
});

test("expressions that took seconds to years are found", () => {
  const slow = [
    String.raw`/^\{'shape': \(((?:\d{1,16}L?(?:, ?)?)*)\)\}$/`,
    String.raw`/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i`,
    String.raw`/\s*\n\s*/g`,
    String.raw`/[.;\s]+$/`,
    "/(a|a)*b/",
  ];
  for (const literal of slow) expect(faultOf(literal), literal).toBeDefined();
});
