import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type AntProtocol, ant, antProtocols } from "./ant.js";
import { type HalfCheetahProtocol, halfCheetah, halfCheetahProtocols } from "./half-cheetah.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the README's program runs, with the packages as they are built", () => {
  const lines = readme.split("\n");
  const start = lines.findIndex((line) => line.startsWith("    import "));
  const end = lines.findIndex((line, i) => i > start && line !== "" && !line.startsWith("    "));
  const program = lines.slice(start, end).join("\n");
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const printed = execFileSync(process.execPath, ["--input-type=module", "-e", program], { cwd, encoding: "utf8" });
  expect(printed).toMatch(/Float32Array\(800\)[\s\S]*Float32Array\(40\)/);
});

test("the README's tables have the protocols' constants", () => {
  const row = (name: string, columns: number): string[] | undefined =>
    readme
      .split("\n")
      .map((line) => line.split("|").map((cell) => cell.trim()))
      .find((cells) => cells[1]?.startsWith(`\`${name}\``) && cells.length === columns + 2)
      ?.slice(1, -1);
  for (const name of Object.keys(halfCheetahProtocols) as HalfCheetahProtocol[]) {
    const { settings, observation } = halfCheetah({ goal: "direction", protocol: name, workers: 0 });
    const [, time, actions, size, goals] = row(name, 5)!;
    expect(time).toMatch(new RegExp(`^${settings.frameSkip}\\b.*, ${settings.horizon}$`));
    expect(actions).toMatch(new RegExp(`^\\+-${settings.actionBound}\\b`));
    expect(size).toMatch(new RegExp(`^${(observation as { shape: readonly number[] }).shape[0]}\\b`));
    expect(goals ?? "").toMatch(new RegExp(`^${settings.goalVelocities?.join(" to ") ?? "$"}`));
  }
  for (const name of Object.keys(antProtocols) as AntProtocol[]) {
    const { settings, observation } = ant({ goal: "direction", protocol: name, workers: 0 });
    const [, time, costs, heights, size, goals] = row(name, 6)!;
    expect(time).toMatch(new RegExp(`^${settings.frameSkip}\\b.*, ${settings.horizon}$`));
    expect(costs).toMatch(new RegExp(`^${settings.reward.controlCost}, ${settings.reward.alive}\\b`));
    expect(heights).toBe(settings.healthyHeights?.join(" to "));
    expect(size).toBe(String((observation as { shape: readonly number[] }).shape[0]));
    expect(goals).toMatch(new RegExp(`^${settings.goalVelocities?.join(" to ") ?? "$"}`));
  }
});
