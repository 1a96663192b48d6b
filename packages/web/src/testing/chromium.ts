/** For tests: the Chromium of this machine. */
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

/** Where systems have it. */
const usualPlaces = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

function executable(): string | undefined {
  const named = process.env.CHROME_PATH;
  if (named && !existsSync(named)) throw new Error(`CHROME_PATH names ${named}, which is not there`);
  return named ?? usualPlaces.find((place) => existsSync(place));
}

/**
 * Why tests in a browser cannot run here, for vitest's `skipIf`; undefined where they can.
 *
 * @throws Error in CI, where one must be there
 */
export function chromiumMissing(): string | undefined {
  if (executable() !== undefined) return undefined;
  const reason = "no Chromium: install it (apt-get install chromium), or name it in CHROME_PATH";
  if (process.env.CI) throw new Error(reason);
  console.warn(`skipped, ${reason}`);
  return reason;
}

/** Flags with which Chromium imitates a GPU, for WebGPU on a machine without one. */
export const softwareGpu = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--enable-unsafe-swiftshader",
];

/** Starts it without windows. */
export function startChromium(flags: readonly string[] = []): Promise<Browser> {
  const path = executable();
  if (path === undefined) throw new Error("no Chromium");
  // A sandbox takes rights that containers do not have.
  return chromium.launch({ executablePath: path, args: ["--no-sandbox", ...flags], timeout: 0 });
}

/** A page whose script has answers to questions: testing/pages/page.mjs. */
export interface AskedPage {
  readonly page: Page;
  ask<Answer>(question: string, details?: unknown): Promise<Answer>;
  /** What the console says that is no mere note, what nobody caught, and requests to other sites. */
  readonly complaints: readonly string[];
  close(): Promise<void>;
}

/** Opens a page of a site. */
export async function openPage(browser: Browser, address: string): Promise<AskedPage> {
  const context = await browser.newContext();
  // Tests have one limit, in vitest.config.ts.
  context.setDefaultTimeout(0);
  const page = await context.newPage();
  const complaints: string[] = [];
  const { origin } = new URL(address);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  context.on("request", (request) => {
    const isOwn = [`${origin}/`, `blob:${origin}/`].some((start) => request.url().startsWith(start));
    if (!isOwn) complaints.push(`request to ${request.url()}`);
  });
  await page.goto(address);
  await page.waitForFunction(() => "questions" in globalThis);
  return {
    page,
    complaints,
    ask: (question, details) =>
      page.evaluate(
        ([name, given]) => {
          const all = (globalThis as unknown as { questions: Record<string, (details: unknown) => unknown> }).questions;
          return all[name]!(given);
        },
        [question, details] as const,
      ) as Promise<never>,
    close: () => context.close(),
  };
}
