/** The package in a page that a bundler has made: under the strictest policy that works, and within a budget of bytes. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { build, type InlineConfig, type Rolldown } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AskedPage, chromiumMissing, openPage, startChromium } from "./testing/chromium.js";
import { hasClang } from "./testing/clang.js";
import { root } from "./testing/plain-page.js";
import { isolation, policyWith, type Site, startSite } from "./testing/site.js";

const pages = join(root, "packages/web/src/testing/pages");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-bundle-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Settings of a bundle: as users have them, but for its names. */
function bundled(input: string, more: InlineConfig = {}): InlineConfig {
  return {
    root,
    configFile: false,
    logLevel: "error",
    publicDir: false,
    // Workers of this package import parts of theirs when they need them.
    worker: { format: "es", ...more.worker },
    build: {
      target: "es2023",
      outDir: join(folder, "site"),
      emptyOutDir: true,
      ...more.build,
      rolldownOptions: {
        input,
        preserveEntrySignatures: "strict",
        output: { entryFileNames: "page.js" },
        ...more.build?.rolldownOptions,
      },
    },
  };
}

describe.skipIf(chromiumMissing())("a bundled page in Chromium", () => {
  let browser: Browser;
  const sites: Site[] = [];
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>test</title><script type="module" src="/page.js"></script></html>`;
  const opened = async (headers: Readonly<Record<string, string>> = {}): Promise<AskedPage> => {
    const routes = { "/page.html": html };
    const site = await startSite(join(folder, "site"), { headers: { ...policyWith(), ...headers }, routes });
    sites.push(site);
    return openPage(browser, `${site.origin}/page.html`);
  };

  beforeAll(async () => {
    await build(bundled(join(pages, "page.mjs")));
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all(sites.map((site) => site.close()));
  });

  it.each([1, 2])("computes and trains with threads: %i", async (threads) => {
    const page = await opened(threads > 1 ? isolation : {});
    for (const place of ["page", "worker"]) {
      const found = await page.ask("computes", { place, options: { threads } });
      expect(found).toMatchObject({ threads, values: [-12, -28, 49, 111] });
    }
    const { losses } = await page.ask<{ losses: number[] }>("trained");
    expect(losses).toHaveLength(20);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(page.complaints).toEqual([]);
    await page.close();
  });

  it.runIf(hasClang)("runs modules of exported learners in a worker, without onnxruntime", async () => {
    const command = (...words: string[]): Promise<unknown> =>
      promisify(execFile)(process.execPath, ["packages/node/bin/innerloop.js", ...words, "--quiet"], { cwd: root });
    const small = [
      "--hidden",
      "8",
      "--iterations",
      "1",
      "--validate-every",
      "0",
      "--workers",
      "1",
      "--skip-evaluation",
    ];
    await command("train", "sinusoid", ...small, "--run", join(folder, "run"));
    await command("export", join(folder, "run"), "-o", join(folder, "site/curves"), "--wasm");
    const page = await opened();
    const fetched: string[] = [];
    page.page.on("request", (request) => fetched.push(new URL(request.url()).pathname));
    const examples = [-2, -1, 0, 1].map((x) => ({ input: { x }, target: Math.sin(x) }));
    const details = { address: "curves", examples, asked: [{ x: -3 }, { x: 0.5 }] };
    const answered = (engine: string) =>
      page.ask<{ answers: readonly { value: number }[] }>("exportedKind", { ...details, engine });
    const { answers } = await answered("wasm");
    expect(page.page.workers()).toHaveLength(1);
    expect(fetched.filter((name) => /ort|onnx/.test(name))).toEqual([]);
    const expected = (await answered("onnxruntime")).answers;
    answers.forEach(({ value }, i) => {
      expect(value).toBeCloseTo(expected[i]!.value, 4);
    });
    expect(page.complaints).toEqual([]);
    await page.close();
  });

  it("has the learners that come trained, small files of which are in its modules", async () => {
    const page = await opened();
    const { value, label } = await page.ask<{ value: number; label: string }>("included");
    expect(Math.abs(value)).toBeLessThan(1.5);
    expect(label).toBe("where is my parcel");
    expect(page.complaints).toEqual([]);
    await page.close();
  });
});

/** Bytes of ours that a page loads at most, compressed, beside onnxruntime. */
const mostBytes = 2 ** 20;

describe("our own JavaScript", () => {
  it.each([
    ["all that there is", "everything"],
    ["what adapting and predicting takes", "adapting"],
  ])("fits the budget: %s", async (what, entry) => {
    const external = [/^onnxruntime-web/];
    const config = bundled(join(pages, `${entry}.mjs`), {
      worker: { rolldownOptions: { external } },
      build: { write: false, rolldownOptions: { external } },
    });
    const { output } = (await build(config)) as Rolldown.RolldownOutput;
    const chunks = output.filter(({ fileName }) => fileName.endsWith(".js"));
    const texts = chunks.map((chunk) => ("code" in chunk ? chunk.code : chunk.source));
    expect(chunks.some(({ fileName }) => fileName.includes("worker"))).toBe(true);
    const bytes = texts.reduce((sum, text) => sum + gzipSync(text).length, 0);
    console.log(`${what}: ${(bytes / 1000).toFixed(0)} kB of JavaScript compressed, in ${texts.length} files`);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(mostBytes);
  });
});
