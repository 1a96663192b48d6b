/** The package in a real Chromium, from a plain static server: what computes there, and what it says of itself. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AskedPage, chromiumMissing, openPage, softwareGpu, startChromium } from "./testing/chromium.js";
import { importMap, plainPage, root } from "./testing/plain-page.js";
import { isolation, policyWith, type Site, startSite } from "./testing/site.js";

/** Of |a b|^2 by a, at a = [[1, -1], [0.5, 2]] and b = [[1, 2], [3, 4]]: 2 a b b^T. */
const gradient = [2 * (1 * 5 - 1 * 11), 2 * (1 * 11 - 1 * 25), 2 * (0.5 * 5 + 2 * 11), 2 * (0.5 * 11 + 2 * 25)];

interface Described {
  readonly device: string;
  readonly threads: number;
  readonly status: string;
  readonly values: readonly number[];
}
interface Refused {
  readonly code: string;
  readonly message: string;
}

/** A runtime whose threads never start, as on some telephones. */
const hanging = `import start from "/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.mjs";
export default (config) => (config.numThreads > 1 ? new Promise(() => {}) : start(config));
`;
/** A runtime that works, until something in its worker goes wrong or closes it. */
const failing = (
  fault: string,
): string => `import start from "/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.mjs";
export default async (config) => {
  const module = await start(config);
  let run = module._OrtRun;
  let runs = 0;
  // The first are the trial and what warms up. (It is replaced when it is first called.)
  const counted = (...values) => {
    if (++runs <= 2) return run(...values);
    ${fault};
    return new Promise(() => {});
  };
  Object.defineProperty(module, "_OrtRun", { get: () => counted, set: (other) => { run = other; } });
  return module;
};
`;
const routes = {
  "/page.html": plainPage,
  "/hanging.mjs": hanging,
  "/throwing.mjs": failing('setTimeout(() => { throw new Error("out of nowhere"); })'),
  "/closing.mjs": failing("self.close()"),
};
const wasm = "/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm";
const missing = chromiumMissing();

describe.skipIf(missing)("in Chromium", () => {
  let browser: Browser;
  const sites: Site[] = [];
  const site = async (headers: Readonly<Record<string, string>> = {}): Promise<Site> => {
    const started = await startSite(root, { headers: { ...policyWith(importMap), ...headers }, routes });
    sites.push(started);
    return started;
  };
  const opened = async (headers?: Readonly<Record<string, string>>): Promise<AskedPage> =>
    openPage(browser, `${(await site(headers)).origin}/page.html`);

  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all(sites.map((each) => each.close()));
  });

  describe("a page that is not isolated", () => {
    let page: AskedPage;
    beforeAll(async () => {
      page = await opened();
    });
    afterAll(() => page.close());

    it.each(["page", "worker"])("computes in one thread, and says why: %s", async (place) => {
      const found = await page.ask<Described>("computes", { place, options: { threads: 2 } });
      expect(found).toMatchObject({ device: "wasm", threads: 1, values: gradient });
      expect(found.status).toMatch(/^WebAssembly, one thread.*Cross-Origin-Opener-Policy: same-origin/);
      expect(found.status.includes("a worker")).toBe(place === "worker");
    });

    it("gives results that are the caller's, and codes where something does not fit", async () => {
      for (const place of ["page", "worker"]) {
        const found = await page.ask<Record<string, unknown>>("contract", { place });
        expect(found).toMatchObject({ x: [1, 2], first: [2, 4], second: [6, 8] });
        expect(found.loading).toMatchObject({
          code: "IL403",
          message: expect.stringMatching(/operators of onnxruntime-web/),
        });
        expect(found.closed).toMatchObject({ code: "IL403", message: expect.stringMatching(/closed/) });
      }
    });

    it("goes on while a worker computes, and the executor that is offered is one", async () => {
      expect(await page.ask("goesOn", {})).toMatchObject({ done: true, status: expect.stringMatching(/a worker/) });
      // So the question can be answered with no.
      expect(await page.ask("goesOn", { place: "page" })).toMatchObject({ done: false });
    });

    it("trains, adapts and evaluates as Node does", async () => {
      const program = "packages/web/src/testing/pages/sinusoid-run.mjs";
      const script = `import { trainedSinusoids } from "./${program}";
process.stdout.write(JSON.stringify(await trainedSinusoids()));
process.exit();`;
      const env = { ...process.env, INNERLOOP_CACHE: "off" };
      const native = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
        cwd: root,
        env,
      });
      const found = await page.ask<Record<string, readonly number[]>>("trained");
      const expected = JSON.parse((await native).stdout) as typeof found;
      expect(Object.keys(found)).toEqual(["losses", "curve", "errors"]);
      expect(found.losses).toHaveLength(20);
      let most = 0;
      for (const [name, values] of Object.entries(expected))
        values.forEach((value, i) => {
          most = Math.max(most, Math.abs(found[name]![i]! - value) / Math.max(1, Math.abs(value)));
        });
      console.log(`a training in the tab differs from the native one by ${most.toExponential(1)} at most`);
      expect(most).toBeLessThan(1e-4);
    });

    it("tells which option is out of range, and that there is no GPU", async () => {
      const refusal = (options: unknown) => page.ask<Refused>("refusalOf", { place: "page", options });
      expect(await refusal({ threads: 0 })).toMatchObject({
        code: "IL102",
        message: expect.stringMatching(/threads: 0/),
      });
      expect(await refusal({ device: "npu" })).toMatchObject({
        code: "IL102",
        message: expect.stringMatching(/"npu"/),
      });
      expect(await refusal({ wasmPaths: "https://[" })).toMatchObject({ code: "IL102" });
      expect(await refusal({ device: "webgpu" })).toMatchObject({
        code: "IL404",
        message: expect.stringMatching(/WebGPU/),
      });
      const { status } = await page.ask<Described>("computes", { place: "page", options: { device: "auto" } });
      expect(status).toMatch(/^WebAssembly, one thread; .*WebGPU/);
    });

    it("complains of nothing but that there is no GPU, and asks nobody else", () => {
      // That is Chromium's own word, for each question after one.
      expect(page.complaints).toEqual(["warning: No available adapters.", "warning: No available adapters."]);
    });
  });

  it("uses threads in an isolated page, there and in a worker", async () => {
    const page = await opened(isolation);
    for (const place of ["page", "worker"]) {
      const found = await page.ask<Described>("computes", { place, options: { threads: 2 } });
      expect(found).toMatchObject({ threads: 2, values: gradient });
      expect(found.status).toBe(`WebAssembly, 2 threads${place === "worker" ? ", a worker" : ""}`);
    }
    // The first executor of a page decides for all of them.
    expect(await page.ask("computes", { place: "page", options: { threads: 1 } })).toMatchObject({ threads: 2 });
    expect(page.complaints).toEqual([]);
    await page.close();
  });

  it("tries one thread where several do not start in time", async () => {
    const page = await opened(isolation);
    // Long enough for one thread to start on a busy machine.
    const options = { threads: 2, timeoutMs: 40_000, wasmPaths: { mjs: "/hanging.mjs", wasm } };
    const asked = ["worker", "page"].map((place) => page.ask<Described>("computes", { place, options }));
    for (const found of await Promise.all(asked)) {
      expect(found).toMatchObject({ threads: 1, values: gradient });
      expect(found.status).toBe(
        "WebAssembly, one thread, a worker; 2 threads did not start (it took more than 40000 ms)",
      );
    }
    // Whoever asks the page again need not wait.
    const again = await page.ask<Described>("computes", { place: "page", options: { threads: 1 } });
    expect(again.status).toBe("WebAssembly, one thread, a worker; onnxruntime did not start in this page before");
    expect(page.complaints).toEqual([]);
    await page.close();
  });

  it("says so where onnxruntime's files are not there", async () => {
    const page = await opened();
    for (const place of ["worker", "page"]) {
      const options = { wasmPaths: "/nowhere" };
      const refused = await page.ask<Refused>("refusalOf", { place, options });
      expect(refused).toMatchObject({ code: "IL403", message: expect.stringMatching(/did not start in .*wasmPaths/) });
    }
    await page.close();
  });

  it.each(["throwing", "closing"])("refuses all that wait for a worker that ends: %s", async (how) => {
    const page = await opened();
    const found = await page.ask<{ refusals: Refused[]; later: Refused; values: number[] }>("crash", {
      options: { wasmPaths: { mjs: `/${how}.mjs`, wasm } },
    });
    for (const refused of [...found.refusals, found.later])
      expect(refused).toMatchObject({
        code: "IL403",
        message: expect.stringMatching(/the worker is gone: .*Make another/),
      });
    // Another one computes.
    expect(found.values).toEqual(gradient);
    await page.close();
  });

  it.each(["page", "worker"])("goes on without a GPU that does not work, and says so: %s", async (place) => {
    const page = await opened();
    const found = await page.ask<Described>("computesWithoutItsGpu", { place, options: { device: "auto" } });
    expect(found).toMatchObject({ device: "wasm", values: gradient });
    expect(found.status).toMatch(/^WebAssembly, one thread.*; WebGPU \(broken\) cannot be used \(.+\)/);
    await page.close();
  });

  it("takes a GPU that is computed by the processor only where it is asked to", async () => {
    const other = await startChromium(softwareGpu);
    const page = await openPage(other, `${(await site()).origin}/page.html`);
    for (const place of ["page", "worker"]) {
      const auto = await page.ask<Described>("computes", { place, options: { device: "auto" } });
      expect(auto).toMatchObject({ device: "wasm", values: gradient });
      expect(auto.status).toMatch(/WebGPU would be computed by the processor/);
      const asked = await page.ask<Described>("computes", { place, options: { device: "webgpu" } });
      expect(asked).toMatchObject({
        device: "webgpu",
        status: expect.stringMatching(/^WebGPU .*computed by the processor/),
      });
      asked.values.forEach((value, i) => {
        expect(value).toBeCloseTo(gradient[i]!, 3);
      });
    }
    await other.close();
  });
});
