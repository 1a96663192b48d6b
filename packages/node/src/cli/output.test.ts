import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { dataListCommand } from "./commands/data-commands.js";
import { createOutput } from "./output.js";
import { widthOf } from "./terminal.js";

const { stdout } = process;
const own = { isTTY: stdout.isTTY, columns: stdout.columns };
let written: string;

beforeEach(() => {
  written = "";
  vi.spyOn(stdout, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  Object.assign(stdout, own);
});

const caption = `  accuracy on 600 tasks from 200 held-out classes: 5-way 1-shot, ${"1 query per class, ".repeat(5)}seed 0`;

describe("what is said", () => {
  it("is in lines that a terminal has room for", () => {
    Object.assign(stdout, { isTTY: true, columns: 80 });
    createOutput({}).say(caption);
    const lines = written.trimEnd().split("\n");
    expect(lines.length).toBe(3);
    for (const line of lines) expect(line).toMatch(/^ {2}\S.{0,77}$/);
    expect(written.replace(/\s+/g, " ")).toBe(` ${caption.trim()} `);
  });

  it("is as it is elsewhere", () => {
    Object.assign(stdout, { isTTY: false, columns: undefined });
    createOutput({}).say(caption);
    expect(written).toBe(`${caption}\n`);
  });
});

describe("text from elsewhere", () => {
  const hostile = "a\u001b]0;owned\u0007\u001b[2J\u001b[8mb\u009b2Jc\u202ed\re\tf";
  const harmless = "a\\u001b]0;owned\\u0007\\u001b[2J\\u001b[8mb\\u009b2Jc\\u202ed\\u000de\tf";

  it("is shown with what a terminal would act on written out, and our own colours as they are", () => {
    vi.stubEnv("FORCE_COLOR", "1");
    const output = createOutput({});
    output.result(output.paint("red", hostile));
    expect(written).toBe(`\u001b[31m${harmless}\u001b[39m\n`);
    written = "";
    output.say(hostile);
    expect(written).toBe(`${harmless}\n`);
  });

  it("is the same text in JSON, for whoever reads that", () => {
    createOutput({ json: true }).event({ type: hostile });
    expect(written.replace(/[ -~\n]/g, "")).toBe("");
    expect(JSON.parse(written)).toEqual({ type: hostile });
  });
});

describe("data list", () => {
  it.each([
    [80, true],
    [undefined, false],
  ])("in %s columns of a terminal: %s", async (columns, isTTY) => {
    const folder = await mkdtemp(join(tmpdir(), "innerloop-list-"));
    vi.stubEnv("INNERLOOP_DATA", folder);
    Object.assign(stdout, { isTTY, columns });
    await dataListCommand(createOutput({}));
    await rm(folder, { recursive: true });
    const lines = written.split("\n").filter((line) => !line.includes("INNERLOOP_DATA"));
    expect(lines.some((line) => widthOf(line) > 80)).toBe(!isTTY);
    for (const name of ["hanzi", "omniglot", "tiered-imagenet"])
      expect(lines.filter((line) => line.startsWith(`  ${name} `))).toHaveLength(1);
  });
});
