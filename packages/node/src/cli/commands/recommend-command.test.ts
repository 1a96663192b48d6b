/** `innerloop recommend` of small runs, in this process. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ownDomains } from "@innerloop/experiments";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { filmCount, filmId, filmTables } from "../../films.fixture.js";
import type { Terminal } from "../choice-question.js";
import { Interrupted } from "../cli-error.js";
import { collected } from "../collected-output.fixture.js";
import { fakeTerminal } from "../fake-terminal.fixture.js";
import { recommend } from "./recommend.js";
import { recommendCommand } from "./recommend-command.js";
import type { InvocationOptions } from "./registry.js";
import { trainCommand } from "./train-command.js";

let tables: Awaited<ReturnType<typeof filmTables>>;
let mine: string;
const run = (name: string): string => join(tables.folder, name);
beforeAll(async () => {
  tables = await filmTables();
  vi.stubEnv("INNERLOOP_DATA", join(tables.folder, "data"));
  const { ratings, items } = tables;
  const train = (name: string, target: string, chosen: object) =>
    trainCommand(
      {
        target,
        chosen: { iterations: 2, metaBatch: 2, validateEvery: 0, workers: 1, ...chosen },
        invocation: { run: run(name), skipEvaluation: true },
      },
      collected().output,
    );
  await train("films", "ratings", { ratings, items, learner: "ridge" });
  await train("told", "ratings", { ratings, items });
  await train("simulated", "preferences", {});
  await train("curves", "sinusoid", {});
  mine = run("mine.csv");
  await writeFile(mine, "title,rating\nFilm C,4.5\nFilm D,2\nFilm E,4\n");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await tables.remove();
});

async function recommended(name: string, invocation: InvocationOptions = {}, lines?: string, terminal?: Terminal) {
  const { output, text } = collected();
  const events: Record<string, unknown>[] = [];
  const noted = {
    ...output,
    interactive: terminal !== undefined,
    event: (event: Readonly<Record<string, unknown>>) => events.push(event),
  };
  async function* input(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode(lines);
  }
  const more = { input: input(), ...(terminal ? { terminal } : {}) };
  await recommendCommand({ folder: run(name), chosen: { workers: 1 }, invocation, ...more }, noted);
  return { text: text(), events };
}

describe("innerloop recommend", () => {
  it("is what a training of ratings ends with, by words that it takes", () => {
    const steps = ownDomains.recommendation.next!({ options: { shots: 5 } } as never);
    const { more } = steps.find(({ command }) => command === recommend.name)!;
    const known = Object.keys(recommend.own.Task).map((name) => `--${name}`);
    expect(
      more!
        .split(" ")
        .filter((word) => word.startsWith("--"))
        .every((word) => known.includes(word)),
    ).toBe(true);
  });

  it("prints ranks, titles, ids and predictions, and the ratings that moved them", async () => {
    const { text, events } = await recommended("films", { ratings: mine, top: 3, explain: true, knownBy: 0 });
    const [head, , titles, ...lines] = text.split("\n");
    expect(head).toBe(`  ratings, ridge regression: 3 known ratings; ${filmCount - 3} items ranked`);
    expect(titles).toMatch(/^ {6}item +rating$/);
    const [ranked, items] = [events[0]!, events.slice(1) as { title: string; rating: number; because: object[] }[]];
    expect(ranked).toMatchObject({ type: "ranked", known: 3, ranked: filmCount - 3, checkpoint: "last" });
    expect(items).toHaveLength(3);
    items.forEach(({ title, rating, because }, i) => {
      expect(lines[2 * i]).toMatch(new RegExp(`^   ${i + 1}  ${title} \\(f\\d\\d\\) +${rating.toFixed(2)}$`));
      expect(lines[2 * i + 1]).toMatch(/^ {8}[+-]\d\.\d\d Film [CDE] \([\d.]+\), [+-]\d\.\d\d Film [CDE] \([\d.]+\), /);
      expect(because).toHaveLength(3);
    });
    expect(lines.at(-1)).toMatch(
      /^ {2}[+-](\d\.\d\d) Film [CDE] \([\d.]+\): without that rating the prediction would be \1 (lower|higher)\./,
    );
    // Of those who rated nothing is told, not even their ids.
    expect(`${text}${JSON.stringify(events)}`).not.toContain("secret");
  });

  it("says the same of the same, each time", async () => {
    const asked = { ratings: mine, explain: true };
    expect(await recommended("told", asked)).toEqual(await recommended("told", asked));
  });

  it("has deviations where the learner has them, and no reasons that are not asked for", async () => {
    const { text, events } = await recommended("told", { ratings: mine, top: 2 });
    expect(text).toMatch(/rating +deviation\n +1 .* ± \d\.\d\d\n/);
    expect(text).not.toContain("Film C (4.5)");
    expect(events[1]).not.toHaveProperty("because");
  });

  it("says that nothing is known, and that ratings are simulated", async () => {
    const { text, events } = await recommended("simulated");
    expect(text).toContain("preferences (simulated), ridge regression: nothing is known of the user");
    expect(events).toHaveLength(11);
  });

  it("leaves items out that too few of training have rated, unless they are asked for", async () => {
    const rankedWith = async (invocation: InvocationOptions) =>
      (await recommended("films", invocation)).events[0]!.ranked;
    const all = await rankedWith({ knownBy: 0 });
    expect(all).toBe(filmCount);
    expect(await rankedWith({})).toBe(await rankedWith({ knownBy: 5 }));
    expect(await rankedWith({})).toBeLessThan(filmCount);
  });

  it("takes lines of standard input, and leaves out what is excluded", async () => {
    const exclude = run("seen.csv");
    await writeFile(exclude, `item\n${filmId(6)}\n`);
    const asked = { ratings: "-", exclude, top: 100, knownBy: 0 };
    const { events } = await recommended("films", asked, "film c, 4.5\nFilm D\t2\n");
    expect(events[0]).toMatchObject({ known: 2, ranked: filmCount - 3 });
    expect(events.map(({ item }) => item)).not.toContain(filmId(6));
  });

  it("names items of the words that are asked for, and says so where none is left", async () => {
    const { text, events } = await recommended("films", { ratings: mine, domain: ["war"], knownBy: 0 });
    expect(text).toContain(`3 known ratings; ${filmCount / 2 - 2} items of war ranked`);
    expect(events).toHaveLength(1 + filmCount / 2 - 2);
    const none = await recommended("films", { domain: ["war", "comedy"], knownBy: 1000 });
    expect(none.text.split("\n").at(-1)).toBe(
      "no item of war, comedy is left that is neither rated nor left out; with --known-by 0 those that fewer than 1000 have rated are ranked too",
    );
  });

  it("names what to ask", async () => {
    const { text, events } = await recommended("films", { ask: 4 });
    expect(text).toMatch(
      /ratings: what to ask, the best question first\n\n {6}item +ratings\n +1 {2}.* \(f\d\d\) +\d+\n/,
    );
    expect(events.map(({ type }) => type)).toEqual(["asked", ...new Array(4).fill("question")]);
    const popular = await recommended("films", { ask: 4, askBy: "popularity" });
    expect(popular.events[0]).toMatchObject({ by: "popularity" });
    const counts = popular.events.slice(1).map(({ ratings }) => Number(ratings));
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
  });

  it.each([
    ["curves", { ratings: "mine.csv" }, /curves is of curves, and recommend is for runs of ratings/],
    ["films", { ask: 3, explain: true }, /^--explain with --ask/],
    ["films", { ask: 3, top: 3 }, /^--top with --ask/],
    ["films", { askBy: "popularity" }, /^--ask-by without --ask/],
    ["films", { top: 0 }, /top is 0/],
    ["films", { steps: 2 }, /takes no steps/],
    ["films", { ratings: "-" }, /^line 1: there is no item "Film Q" .*Did you mean "Film [A-Z]" \(f\d\d\)/],
    ["films", { exclude: "none.csv" }, /none\.csv/],
  ] as const)("refuses, of %s, %j", async (name, invocation, message) => {
    await expect(recommended(name, invocation, "Film Q,3")).rejects.toThrow(message);
  });

  describe("at a terminal asks which item is meant", () => {
    /** Of the events the one that says how many ratings were known, and items. */
    const answered = async (table: string, keys: string, invocation: InvocationOptions = {}) => {
      const ratings = run("asked.csv");
      await writeFile(ratings, table);
      const { terminal, end } = fakeTerminal(keys);
      // A question too many has no answer.
      end();
      return recommended("films", { ratings, top: 100, knownBy: 0, ...invocation }, undefined, terminal);
    };
    const table = "title,rating\nFilm C,4.5\nFilmm E,4\nThe Twins,3\n";

    it("where its title is nearly right or that of several, and takes the answers", async () => {
      const { text, events } = await answered(table, "1\r2\r");
      const lines = text.split("\n");
      expect(lines[0]).toMatch(/asked\.csv, row 2: which item of ratings is "Filmm E"\?$/);
      expect(lines.slice(1, 7)).toEqual([
        "  1  Film E (f04)",
        ...[2, 3, 4, 5].map((i) => expect.stringMatching(new RegExp(`^  ${i}  Film [A-Z] \\(f\\d\\d\\)$`))),
        "  0  none of them: leave it out",
      ]);
      expect(lines.slice(7, 11)).toEqual([
        expect.stringMatching(/row 3: which item of ratings is "The Twins"\?$/),
        // The other is cold: nobody of training knows it.
        "  1  The Twins (f01: genre comedy)",
        "  2  The Twins (f00: genre war)",
        "  0  none of them: leave it out",
      ]);
      expect(events[0]).toMatchObject({ known: 3 });
      const items = events.map(({ item }) => item);
      expect(items).toContain(filmId(1));
      for (const place of [0, 2, 4]) expect(items).not.toContain(filmId(place));
    });

    it("and leaves out what is none of them, also of items to exclude", async () => {
      const exclude = run("near.csv");
      await writeFile(exclude, "title\nFilm KK\n");
      const { events } = await answered(table, "0\r0\r1\r", { exclude });
      expect(events[0]).toMatchObject({ known: 1, ranked: filmCount - 2 });
      expect(events.map(({ item }) => item)).not.toContain(filmId(10));
    });

    it.each([
      [table, "\u0003", Interrupted],
      [table, "", /row 2: nobody has said which item is "Filmm E"\. Name it by its id/],
      // What no answer mends is said first.
      [`${table}zzz,3\n`, "1\r1\r", /row 4: there is no item "zzz"/],
      [`${table}Film D,9\n`, "1\r1\r", /row 4: the rating is "9"/],
      [`${table}Film E,2\n`, "1\r1\r", /row 4: "Film E" is rated for the second time/],
    ])("%j, %j", async (given, keys, error) => {
      await expect(answered(given, keys)).rejects.toThrow(error);
    });

    it("but not of lines of standard input, which are no answers: how to write them is said before", async () => {
      const { terminal } = fakeTerminal("1\r");
      await expect(recommended("films", { ratings: "-" }, "Filmm E,3", terminal)).rejects.toThrow(/Did you mean/);
      const { text } = await recommended("films", { ratings: "-" }, "Film E,3", terminal);
      expect(text.split("\n")[0]).toBe("  A title and a rating a line, as Alien, 9; Ctrl-D ends them.");
      expect((await recommended("films", { ratings: "-" }, "Film E,3")).text).not.toContain("Ctrl-D");
    });
  });

  it("refuses a rating off the scale", async () => {
    await expect(recommended("films", { ratings: "-" }, "Film C,9")).rejects.toThrow(
      /^line 1: the rating is "9"\. Give a number from 1 to 5/,
    );
  });
});
