import { expect, test } from "vitest";
import { progressLine, terminal } from "./progress.js";

const redraw = "\r\x1b[K";

test("a training in a terminal redraws one line: updates, loss, rate and the time left", () => {
  const written: string[] = [];
  let ms = 0;
  const stream = { isTTY: true, columns: 100, write: (text: string) => written.push(text) };
  const progress = progressLine(stream, () => ms);
  const parts = { iterations: 1000, chunkSize: 1, recompute: 0, parameters: 1, figures: [] } as const;
  progress.onEvent({ type: "start", iteration: 200, ...parts });
  for (let iteration = 201; iteration <= 600; iteration++) {
    ms += 10;
    progress.onEvent({ type: "iteration", iteration, loss: iteration % 2, metrics: {} });
  }
  // 4 s at five times a second.
  expect(written.length).toBeGreaterThan(15);
  expect(written.length).toBeLessThan(25);
  expect(written.every((text) => text.startsWith(redraw) && !text.includes("\n"))).toBe(true);
  expect(written.at(-1)!.slice(redraw.length)).toMatch(
    /^innerloop {2}\d+ of 1000 {3}loss 0\.5000 {3}100 updates\/s {3}5 s left$/,
  );
  progress.onEvent({ type: "warning", iteration: 600, message: "adaptation does not help" });
  expect(written.at(-1)).toBe(redraw);
  progress.onEvent({ type: "end", iteration: 600, reason: "early stop" });
  expect(written.at(-1)).toMatch(/600 of 1000 .*early stop, 4 s$/);
  progress.end();
  progress.end();
  expect(written.filter((text) => text === "\n")).toHaveLength(1);
});

test("lines are never wider than the terminal, and tests are none", () => {
  const written: string[] = [];
  const progress = progressLine({ isTTY: true, columns: 30, write: (text) => written.push(text) });
  progress.onEvent({
    type: "start",
    iteration: 0,
    iterations: 1e9,
    chunkSize: 1,
    recompute: 0,
    parameters: 1,
    figures: [],
  });
  progress.onEvent({ type: "iteration", iteration: 1, loss: 1, metrics: {} });
  expect(Math.max(...written.map((text) => text.slice(redraw.length).length))).toBe(29);
  expect(terminal()).toBeUndefined();
});
