/**
 * Every learner of the catalogue whose tasks are of ratings, of policies, or of what a frozen encoder has seen, as an exported
 * folder: what FEATURES.md says of them. Classes, numbers, marked texts and objects are in exported-programs.test.ts.
 */
import { writeFile } from "node:fs/promises";
import { type LearnerEntry, learnerCatalogue, learnerNames, type TaskKind } from "@innerloop/core";
import { exportedKinds } from "@innerloop/experiments/exported";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  backboneFolder,
  cellModel,
  cellSettings,
  textModel,
  tokenizerCases,
} from "./backbones/made-up-backbones.fixture.js";
import { exportedRuns } from "./exported-runs.fixture.js";
import { filmTables } from "./films.fixture.js";
import { writePhotos } from "./photos.fixture.js";

const { inFolder, train, exported, remove } = await exportedRuns("exported-catalogue");
let tables: Awaited<ReturnType<typeof filmTables>>;
beforeAll(async () => {
  tables = await filmTables();
  const ages = Array.from({ length: 80 }, (_, user) => `secret-${user},${user % 2 === 0 ? "young" : "old"}`);
  await writeFile(inFolder("users.csv"), ["user,age", ...ages, ""].join("\n"));
});
afterAll(async () => {
  await tables.remove();
  await remove();
});

const kinds = await exportedKinds();
const entryOf = (name: (typeof learnerNames)[number]): LearnerEntry => learnerCatalogue[name] as LearnerEntry;
/** The names of a kind's learners, each with whether it is exported. */
const casesOf = (kind: "ratings" | "policy" | "spans" | "objects", of: TaskKind) =>
  learnerNames
    .filter((name) => entryOf(name).kinds.includes(of))
    .map((name) => [name, kinds[kind].learners(entryOf(name))] as const);
const runOf = (name: string): string => name.replace(/\W/g, "-");

describe("ratings", () => {
  test.each(casesOf("ratings", "regression"))("by %s: exported %s", async (name, isWritten) => {
    const { needs, takesSteps } = entryOf(name);
    const { ratings, items } = tables;
    const run = `ratings-${runOf(name)}`;
    await train(run, undefined, {
      ...{ embeddingWidth: 4, shots: 5, queries: 5, leastRatings: 6, ratings, items, learner: name },
      ...(needs === "profile" ? { users: inFolder("users.csv") } : {}),
      ...{ iterations: 2, evalSteps: takesSteps ? [0, 1] : undefined },
    });
    expect(isWritten).toBe(true);
    expect(await exported(run)).toMatch(/held-out tasks through these files and through the run/);
  });
});

describe("policies", () => {
  test.each(casesOf("policy", "policy"))("by %s: exported %s", async (name, isWritten) => {
    const { takesSteps } = entryOf(name);
    const run = `policy-${runOf(name)}`;
    await train(run, "navigation-2d", {
      ...{ learner: name, metaBatch: 2, iterations: 2, hidden: [8], horizon: 6, outer: "policy-gradient" },
      ...(takesSteps ? { episodes: 3 } : {}),
      evalSteps: takesSteps ? [0, 1] : undefined,
    });
    if (isWritten) expect(await exported(run)).toMatch(/held-out tasks through these files and through the run/);
    else await expect(exported(run)).rejects.toThrow(/ILR301/);
  });
});

describe("behind a frozen encoder", () => {
  let encoders: Readonly<Record<"texts" | "cells", string>>;
  beforeAll(async () => {
    vi.stubEnv("INNERLOOP_CACHE", "off");
    const [{ tokenizer }] = tokenizerCases;
    const reader = { model: textModel(), tokenizer, settings: { pooling: "mean", maxTokens: 12 } };
    encoders = {
      texts: await backboneFolder(inFolder("encoders"), reader),
      cells: await backboneFolder(inFolder("encoders"), { model: cellModel(64), settings: cellSettings(64) }),
    };
    await writePhotos(inFolder("photos"), 14);
    const lines = ["pay", "lost", "bill", "card"].flatMap((domain) =>
      Array.from({ length: 12 }, (_, i) => {
        const [thing, sum] = [["cards", "cafe", "my"][i % 3]!, `${i % 7}`];
        const text = `how do i ${domain} the ${thing} to ${sum}`;
        const spans = [thing, sum].map((word, k) => {
          const at = text.lastIndexOf(word);
          return [at, at + word.length, ["thing", "sum"][k]];
        });
        return JSON.stringify({ text, domain, spans });
      }),
    );
    await writeFile(inFolder("marked.jsonl"), lines.join("\n"));
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });
  const few = (name: (typeof learnerNames)[number]) => ({
    ...{ learner: name, iterations: 2, evalSteps: entryOf(name).takesSteps ? [0, 1] : undefined },
    ...(entryOf(name).takesSteps ? { steps: 1 } : {}),
  });

  test.each(casesOf("spans", "tagging"))("marked texts by %s: exported %s", async (name, isWritten) => {
    const run = `spans-${runOf(name)}`;
    await train(run, "entities", {
      ...{
        data: inFolder("marked.jsonl"),
        backbone: encoders.texts,
        types: 2,
        shots: 2,
        queries: 4,
        bestBy: undefined,
      },
      ...{ featureWidth: 4, wordUnits: 8, wordWidth: 4, ...few(name) },
    });
    expect(isWritten).toBe(true);
    expect(await exported(run)).toMatch(/held-out tasks through these files and through the run/);
  });

  test.each(casesOf("objects", "detection"))("objects in photos by %s: exported %s", async (name, isWritten) => {
    const run = `photos-${runOf(name)}`;
    await train(run, "photos", {
      ...{ data: inFolder("photos"), backbone: encoders.cells, shots: 2, queries: 2, headWidth: 8, ...few(name) },
    });
    expect(isWritten).toBe(true);
    expect(await exported(run)).toMatch(/held-out tasks through these files and through the run/);
  });
});
