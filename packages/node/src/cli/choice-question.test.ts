/** Questions in a terminal. */
import { expect, it } from "vitest";
import { canAsk, NoAnswer, questionsIn } from "./choice-question.js";
import { Interrupted } from "./cli-error.js";
import { collected } from "./collected-output.fixture.js";
import { fakeTerminal } from "./fake-terminal.fixture.js";

const films = ["Heat", "Heart"];
const asked = (keys: string) => {
  const { output, text } = collected();
  const { terminal, ...more } = fakeTerminal(keys);
  const questions = questionsIn(terminal, output);
  return { ...more, text, questions, choose: () => questions.choose("Which one?", films, "neither") };
};

it("has the choices numbered, and 0 for none of them", async () => {
  const { choose, text, questions } = asked("2\r0\r1\r");
  expect([await choose(), await choose(), await choose()]).toEqual([1, undefined, 0]);
  expect(text().split("\n").slice(0, 4)).toEqual(["Which one?", "  1  Heat", "  2  Heart", "  0  neither"]);
  questions.close();
});

it("is asked again until the answer is one", async () => {
  const { choose, shown, questions } = asked("3\r\r-1\rHeat\r1e0\r 2 \r");
  expect(await choose()).toBe(1);
  expect(shown()).toContain("0 to 2? ");
  questions.close();
});

it("ends at Ctrl-C and where the input ends, and for all that follow", async () => {
  const interrupted = asked("7\r\u0003");
  await expect(interrupted.choose()).rejects.toBeInstanceOf(Interrupted);
  await expect(interrupted.choose()).rejects.toBeInstanceOf(Interrupted);
  interrupted.questions.close();
  const ended = asked("");
  ended.end();
  await expect(ended.choose()).rejects.toBeInstanceOf(NoAnswer);
  ended.questions.close();
});

it("leaves the signals of the process to others once it is closed", async () => {
  const before = process.listenerCount("SIGINT");
  const { choose, questions } = asked("1\r");
  await choose();
  expect(process.listenerCount("SIGINT")).toBe(before + 1);
  questions.close();
  expect(process.listenerCount("SIGINT")).toBe(before);
});

it("is asked where both ends are a terminal's and a person reads", () => {
  const { output } = collected();
  const { terminal } = fakeTerminal();
  const person = { ...output, interactive: true };
  expect(canAsk(terminal, person)).toBe(true);
  expect(canAsk(terminal, output)).toBe(false);
  for (const end of ["input", "output"] as const) {
    const piped = { ...terminal, [end]: Object.assign(Object.create(terminal[end]), { isTTY: false }) };
    expect(canAsk(piped, person), end).toBe(false);
  }
});
