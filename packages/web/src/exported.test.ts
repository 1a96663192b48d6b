/** An exported learner in a real Chromium, from the files of a static server: it answers as in Node. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { encode, type Value } from "@innerloop/graph";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cellEncoder } from "./testing/cell-encoder.js";
import { type AskedPage, chromiumMissing, openPage, startChromium } from "./testing/chromium.js";
import { hasClang } from "./testing/clang.js";
import { importMap, plainPage, root } from "./testing/plain-page.js";
import { policyWith, type Site, startSite } from "./testing/site.js";

const run = promisify(execFile);
const side = 28;
/** Strokes of two kinds, light on dark, somewhat apart. */
const drawn = (kind: "across" | "down", shift: number): number[] =>
  Array.from({ length: side * side }, (_, i) => {
    const [row, column] = [Math.floor(i / side), i % side];
    const at = kind === "across" ? row : column;
    return Math.abs(at - 14 - shift) < 3 ? 255 - 10 * Math.abs(shift) : (i * 7) % 20;
  });
const examples = (["across", "down"] as const).flatMap((label) =>
  [-3, 2].map((shift) => ({ label, pixels: drawn(label, shift) })),
);
const asked = [drawn("across", 1), drawn("down", -1), drawn("across", 4)];
const steps = 3;

const words = ["pay", "bill", "money", "parcel", "late", "door", "song", "play", "loud", "rain", "sun", "cloud"];

/** A table of states by word, [texts, tokens] -> [texts, tokens, 3]; no mask, so that each text is run by itself. */
function textEncoderModel(): Uint8Array {
  const table = Float32Array.from({ length: 3 * (words.length + 1) }, (_, i) => Math.sin(1 + i * i));
  const rows: Value = { name: "table", dtype: "float32", shape: [words.length + 1, 3], data: table };
  const ids: Value = { name: "input_ids", dtype: "int64", shape: [-1, -1], data: undefined };
  const states: Value = { name: "last_hidden_state", dtype: "float32", shape: [-1, -1, 3], data: undefined };
  const nodes = [{ operator: "Gather", domain: "", inputs: [rows, ids], output: states, attributes: {} }];
  return encode({ nodes, initializers: [rows], inputs: [ids], outputs: [states] });
}
const wordTokenizer = {
  ...{ version: "1.0", truncation: null, padding: null, added_tokens: [], normalizer: null, post_processor: null },
  ...{ pre_tokenizer: { type: "Whitespace" }, decoder: null },
  model: {
    type: "WordPiece",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(["[UNK]", ...words].map((word, i) => [word, i])),
    unk_token: "[UNK]",
  },
};
const texts = Array.from({ length: 6 }, (_, c) =>
  Array.from({ length: 6 }, (__, i) => {
    const [first, second] = words.slice(2 * c);
    return `${[first, `${first} ${second}`, `${second} ${first} ${first}`][i % 3]} ${words[(c + i) % 12]} ${words[(5 * i) % 12]},class${c}`;
  }),
).flat();
const textExamples = [
  { input: "pay bill", label: "money" },
  { input: "parcel late door", label: "post" },
];
const textsAsked = ["money pay", "late parcel today"];

/** Of maps [2, 4, 4]. */
const encoderSettings = { kind: "image", size: [side, side], channels: 1, layout: "NCHW", mean: 0, scale: 255 };

interface ClassAnswer {
  readonly label: string;
  readonly probability: number;
}

/** Learners of other kinds: how they are trained, what they adapt to and are asked, what they recommend. */
const kinds = {
  ratings: {
    words: ["preferences", "--learner", "ridge"],
    examples: [
      { item: "i003", rating: 5 },
      { item: "i009", rating: 1 },
    ],
    asked: ["i001", "i002"],
    request: { top: 5 },
  },
  spans: {
    words: ["entities", "--types", "2", "--shots", "2", "--queries", "4", "--word-units", "8"],
    examples: ["Oslo", "Rome", "Bonn"].map((city) => ({
      text: `a flight to ${city} please`,
      spans: [{ start: 12, end: 12 + city.length, type: "city" }],
    })),
    asked: ["home from Zürich", "a flight to Kyiv please"],
    request: undefined,
  },
  policy: {
    words: ["navigation-2d", "--episodes", "2", "--horizon", "4", "--meta-batch", "2", "--hidden", "8"],
    examples: [1, 2].map((i) => ({
      observations: [
        [0, 0],
        [0.1 * i, 0],
      ],
      actions: [
        [0.1 * i, 0],
        [0, 0.1],
      ],
      rewards: [-1, -0.5],
    })),
    asked: [
      [0, 0],
      [0.3, 0.1],
    ],
    request: undefined,
  },
} as const;

/** Sentences of four domains, a line each. */
const markedLines = (): string =>
  ["book", "call", "deliver", "fetch"]
    .flatMap((domain) =>
      Array.from({ length: 20 }, (_, i) => {
        const text = `please ${domain} it at ${i} now`;
        const at = text.indexOf(` ${i} `) + 1;
        const spans = [
          [at, at + `${i}`.length, "time"],
          [0, 6, "wish"],
        ];
        return JSON.stringify({ text, domain, spans });
      }),
    )
    .join("\n");

/** Numbers of an answer, one after another, and its texts. */
function partsOf(value: unknown): { readonly numbers: readonly number[]; readonly others: string } {
  const numbers: number[] = [];
  const others = JSON.stringify(value, (_, each: unknown) => {
    if (typeof each !== "number") return each;
    numbers.push(each);
    return 0;
  });
  return { numbers, others };
}

describe.skipIf(chromiumMissing())("an exported learner in Chromium", () => {
  let folder: string;
  let browser: Browser;
  let site: Site;
  let page: AskedPage;
  let native: readonly ClassAnswer[];
  const ofKinds: Record<string, { readonly answers: unknown; readonly recommended: unknown }> = {};
  let nativeEncoded: readonly ClassAnswer[];
  let nativeTexts: readonly ClassAnswer[];
  let nativePieces: readonly ClassAnswer[];
  let nativeStates: unknown;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "innerloop-web-export-"));
    const command = (...words: string[]): Promise<unknown> =>
      run(process.execPath, ["packages/node/bin/innerloop.js", ...words, "--quiet"], { cwd: root });
    const small = [
      "--learner",
      "maml",
      "--filters",
      "4",
      "--iterations",
      "2",
      "--validate-every",
      "0",
      "--workers",
      "1",
    ];
    await command("train", "hanzi", ...small, "--run", join(folder, "run"), "--skip-evaluation");
    await command("export", join(folder, "run"), "-o", join(folder, "exported"));
    if (hasClang) await command("export", join(folder, "run"), "-o", join(folder, "exported-wasm"), "--wasm");
    const updates = ["--iterations", "2", "--validate-every", "0", "--workers", "1", "--skip-evaluation"];
    await mkdir(join(folder, "encoder"));
    await writeFile(join(folder, "encoder/model.onnx"), cellEncoder(side, 7, 1));
    await writeFile(join(folder, "encoder/backbone.json"), JSON.stringify(encoderSettings));
    const features = ["--backbone", join(folder, "encoder"), "--learner", "prototypical", "--model", "mlp"];
    const few = [
      "--hidden",
      "8",
      "--batch-norm",
      "none",
      "--iterations",
      "60",
      "--validate-every",
      "0",
      "--workers",
      "1",
    ];
    await command("train", "hanzi", ...features, ...few, "--run", join(folder, "seen"), "--skip-evaluation");
    await command("export", join(folder, "seen"), "-o", join(folder, "encoded"));
    await mkdir(join(folder, "words"));
    await writeFile(join(folder, "words/model.onnx"), textEncoderModel());
    await writeFile(join(folder, "words/tokenizer.json"), JSON.stringify(wordTokenizer));
    await writeFile(join(folder, "words/backbone.json"), JSON.stringify({ pooling: "mean", maxTokens: 8 }));
    await writeFile(join(folder, "texts.csv"), `${["text,label", ...texts].join("\n")}\n`);
    const table = ["--data", join(folder, "texts.csv"), "--text-column", "text", "--label-column", "label"];
    const sizes = ["--ways", "2", "--shots", "1", "--queries", "2", "--train-ways", "2", "--train-shots", "1"];
    const held = ["--validation-classes", "2", "--test-classes", "2", "--learner", "prototypical"];
    const short = ["--iterations", "60", "--validate-every", "0", "--workers", "1", "--run", join(folder, "read")];
    await command(
      "train",
      "text",
      ...table,
      ...sizes,
      ...held,
      "--backbone",
      join(folder, "words"),
      ...short,
      "--skip-evaluation",
    );
    await command("export", join(folder, "read"), "-o", join(folder, "texts"));
    const byPieces = ["--tokenizer", join(folder, "words/tokenizer.json"), "--model", "text-conv", ...updates];
    await command("train", "text", ...table, ...sizes, ...held, ...byPieces, "--run", join(folder, "split"));
    await command("export", join(folder, "split"), "-o", join(folder, "pieces"));
    const script = `import { loadExported } from "@innerloop/node";
const { examples, asked, steps } = JSON.parse(process.argv[1]);
const learner = await loadExported(process.argv[2]);
const inputOf = (given) => (typeof given === "string" ? given : Uint8Array.from(given));
const given = examples.map(({ input, pixels, label }) => ({ input: inputOf(input ?? pixels), label }));
const task = await learner.adapt(given, { steps });
process.stdout.write(JSON.stringify(await task.predict(asked.map(inputOf))));`;
    const pictures = { examples, asked } as const;
    const inNode = async (name: string, taken?: number, task: object = pictures): Promise<readonly ClassAnswer[]> => {
      const given = JSON.stringify({ ...task, steps: taken });
      const words = ["--input-type=module", "--eval", script, given, join(folder, name)];
      return JSON.parse((await run(process.execPath, words, { cwd: root })).stdout) as readonly ClassAnswer[];
    };
    native = await inNode("exported", steps);
    nativeEncoded = await inNode("encoded");
    nativeTexts = await inNode("texts", undefined, { examples: textExamples, asked: textsAsked });
    nativePieces = await inNode("pieces", undefined, { examples: textExamples, asked: textsAsked });

    await writeFile(join(folder, "marked.jsonl"), markedLines());
    const other = `import { loadExported } from "@innerloop/node";
const { examples, asked, request } = JSON.parse(process.argv[1]);
const learner = await loadExported(process.argv[2]);
const task = await learner.adapt(examples);
const answers = await task.predict(asked);
process.stdout.write(JSON.stringify({ answers, recommended: request && (await task.recommend(request)) }));`;
    for (const [kind, { words, examples: few, asked: some, request }] of Object.entries(kinds)) {
      const place = join(folder, `exported-${kind}`);
      const data = kind === "spans" ? ["--data", join(folder, "marked.jsonl")] : [];
      await command("train", ...words, ...data, ...updates, "--run", join(folder, kind));
      await command("export", join(folder, kind), "-o", place);
      const told = JSON.stringify({ examples: few, asked: some, request });
      const answered = await run(process.execPath, ["--input-type=module", "--eval", other, told, place], {
        cwd: root,
      });
      ofKinds[kind] = JSON.parse(answered.stdout) as (typeof ofKinds)[string];
    }

    const { words: ofSpans, examples: sentences, asked: others } = kinds.spans;
    const marked = ["--data", join(folder, "marked.jsonl"), "--backbone", join(folder, "words")];
    await command("train", ...ofSpans, ...marked, ...updates, "--run", join(folder, "stated"));
    await command("export", join(folder, "stated"), "-o", join(folder, "states"));
    const told = JSON.stringify({ examples: sentences, asked: others });
    const stated = ["--input-type=module", "--eval", other, told, join(folder, "states")];
    nativeStates = (JSON.parse((await run(process.execPath, stated, { cwd: root })).stdout) as { answers: unknown })
      .answers;

    const filesIn = async (folderName: string) => {
      const place = join(folder, folderName);
      const names = (await readdir(place, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
      return Promise.all(names.map(async (name) => [name.slice(place.length), await readFile(name)] as const));
    };
    const files = await filesIn("exported");
    const encoders = await Promise.all(
      ["encoded", "texts", "pieces", "states"].map(async (name) =>
        (await filesIn(name)).map(([file, bytes]) => [`/${name}${file.replaceAll("\\", "/")}`, bytes] as const),
      ),
    );
    const served = async (kind: string) =>
      Object.fromEntries(
        (await filesIn(`exported-${kind}`)).map(([name, bytes]) => [
          `/exported-${kind}${name.replaceAll("\\", "/")}`,
          bytes,
        ]),
      );
    const below = (path: string, changed = (_: string, bytes: Uint8Array): Uint8Array => bytes) =>
      Object.fromEntries(files.map(([name, bytes]) => [path + name.replaceAll("\\", "/"), changed(name, bytes)]));
    const damaged = (name: string, bytes: Uint8Array): Uint8Array =>
      name.endsWith("adapt.onnx") ? bytes.map((byte, i) => (i === 1000 ? byte ^ 1 : byte)) : bytes;
    const longer = (name: string, bytes: Uint8Array): Uint8Array =>
      name.endsWith("adapt.onnx") ? new Uint8Array(bytes.length + 1) : bytes;
    const turned = ([name, bytes]: [string, Uint8Array]): [string, Uint8Array] => [
      name.replace("/exported-wasm", "/damaged-wasm"),
      name.endsWith(".wasm") ? bytes.map((byte, i) => (i === 1000 ? byte ^ 1 : byte)) : bytes,
    ];
    site = await startSite(root, {
      headers: policyWith(importMap),
      routes: {
        "/page.html": plainPage,
        ...below("/exported"),
        ...Object.fromEntries(encoders.flat()),
        ...below("/damaged", damaged),
        ...below("/longer", longer),
        ...(hasClang ? await served("wasm") : {}),
        ...Object.fromEntries(Object.entries(hasClang ? await served("wasm") : {}).map(turned)),
        ...Object.assign({}, ...(await Promise.all(Object.keys(kinds).map(served)))),
      },
    });
    browser = await startChromium();
    page = await openPage(browser, `${site.origin}/page.html`);
  });
  afterAll(async () => {
    await page?.close();
    await browser?.close();
    await site?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([undefined, "page", "worker"])("adapts and answers as in Node: %s", async (place) => {
    const found = await page.ask<{
      readonly answers: readonly ClassAnswer[];
      readonly ofCanvases: readonly ClassAnswer[];
      readonly restored: ClassAnswer;
      readonly ms: Readonly<Record<string, number>>;
    }>("exported", { address: "exported", examples, asked, steps, place });
    console.log(`an exported learner in a ${place ?? "worker"}: ${JSON.stringify(found.ms)}`);
    found.answers.forEach(({ label, probability }, i) => {
      expect(label).toBe(native[i]!.label);
      expect(Math.abs(probability - native[i]!.probability)).toBeLessThan(1e-4);
    });
    // What a canvas holds are the same bytes.
    expect(found.ofCanvases).toEqual(found.answers);
    expect(found.restored).toEqual(found.answers[0]);
  });

  it.runIf(hasClang)("adapts and answers as in Node by its module alone, in a worker without onnxruntime", async () => {
    const own = await openPage(browser, `${site.origin}/page.html`);
    const fetched: string[] = [];
    own.page.on("request", (request) => fetched.push(new URL(request.url()).pathname));
    const found = await own.ask<{
      readonly answers: readonly ClassAnswer[];
      readonly ofCanvases: readonly ClassAnswer[];
      readonly restored: ClassAnswer;
      readonly ms: Readonly<Record<string, number>>;
    }>("exported", { address: "exported-wasm", examples, asked, steps, engine: "wasm" });
    console.log(`an exported learner's module in a worker: ${JSON.stringify(found.ms)}`);
    found.answers.forEach(({ label, probability }, i) => {
      expect(label).toBe(native[i]!.label);
      expect(Math.abs(probability - native[i]!.probability)).toBeLessThan(1e-4);
    });
    expect(found.ofCanvases).toEqual(found.answers);
    expect(found.restored.probability).toBeCloseTo(found.answers[0]!.probability, 5);
    // It computes in its worker, of which there is one.
    expect(own.page.workers().map((worker) => new URL(worker.url()).pathname)).toEqual([
      "/node_modules/@innerloop/web/dist/wasm-worker.js",
    ]);
    // The page has fetched neither onnxruntime nor ONNX programs.
    expect(fetched.filter((name) => name.endsWith("/learner.wasm"))).toHaveLength(1);
    expect(fetched.filter((name) => /\/ort[^/]*$|\.onnx$|onnxruntime-web|safetensors$/.test(name))).toEqual([]);
    expect(await own.ask("notExported", { address: "/exported", engine: "wasm" })).toMatchObject({
      code: "ILE202",
      message: expect.stringMatching(/no programs in WebAssembly/),
    });
    expect(await own.ask("notExported", { address: "/damaged-wasm", engine: "wasm" })).toMatchObject({
      code: "ILE202",
      message: expect.stringMatching(/SHA-256 is not the one/),
    });
    expect(own.complaints).toEqual([]);
    await own.close();
  });

  it.runIf(hasClang)("leaves the page its turns while a module adapts", async () => {
    const order = await page.ask("adaptsAside", { address: "exported-wasm", examples, steps: 1000, turns: 5 });
    expect(order).toEqual([...new Array(5).fill("page"), "adapted"]);
  });

  it.runIf(hasClang)("says that a module's worker is gone, and starts another where it is loaded again", async () => {
    const own = await openPage(browser, `${site.origin}/page.html`);
    const found = await own.ask("outlivesItsWorker", { address: "exported-wasm", examples, asked });
    expect(found).toMatchObject({
      refused: { code: "ILE202", message: expect.stringMatching(/IL403 .*the worker is gone: out of memory/) },
      ...{ label: native[0]!.label, workers: 2 },
    });
    await own.close();
  });

  it("loads learners that come trained, and says which there are", async () => {
    const { value, label } = await page.ask<{ value: number; label: string }>("included");
    expect(Math.abs(value)).toBeLessThan(1.5);
    expect(label).toBe("where is my parcel");
    expect(await page.ask("notExported", { address: "innerloop:sinusoid" })).toMatchObject({
      code: "ILE209",
      message: expect.stringMatching(/Did you mean innerloop:sinusoids\?/),
    });
  });

  it.each(Object.entries(kinds))("of %s answers as in Node", async (kind, { examples: few, asked: some, request }) => {
    const found = await page.ask<{
      readonly answers: unknown;
      readonly recommended?: unknown;
      readonly restored: unknown;
      readonly ms: number;
    }>("exportedKind", { address: `exported-${kind}`, examples: few, asked: some, request });
    console.log(`an exported learner of ${kind} answers in ${found.ms.toFixed(1)} ms`);
    for (const part of ["answers", "recommended"] as const) {
      const [here, there] = [partsOf(found[part] ?? null), partsOf(ofKinds[kind]![part] ?? null)];
      expect(here.others).toBe(there.others);
      here.numbers.forEach((value, i) => {
        expect(Math.abs(value - there.numbers[i]!)).toBeLessThan(1e-3);
      });
    }
    expect(found.restored).toEqual(found.answers);
  });

  it("runs the frozen encoder of a folder before its programs", async () => {
    const found = await page.ask<{ readonly answers: readonly ClassAnswer[]; readonly restored: ClassAnswer }>(
      "exported",
      {
        ...{ address: "encoded", examples, asked },
      },
    );
    found.answers.forEach(({ label, probability }, i) => {
      expect(label).toBe(nativeEncoded[i]!.label);
      expect(Math.abs(probability - nativeEncoded[i]!.probability)).toBeLessThan(1e-4);
    });
    // One image at once and three are summed in another order.
    expect(found.restored.probability).toBeCloseTo(found.answers[0]!.probability, 6);
  });

  it.each(["texts", "pieces"] as const)(
    "splits texts by a tokenizer that the page gives, or says it has none: %s",
    async (address) => {
      const answers = await page.ask<readonly ClassAnswer[]>("exportedTexts", {
        ...{ address, examples: textExamples, asked: textsAsked },
      });
      const native = { texts: nativeTexts, pieces: nativePieces }[address];
      expect(answers).toHaveLength(textsAsked.length);
      answers.forEach(({ label, probability }, i) => {
        expect(label).toBe(native[i]!.label);
        expect(probability).toBeCloseTo(native[i]!.probability, 4);
      });
      expect(await page.ask("notExported", { address: `/${address}` })).toMatchObject({
        code: "ILE206",
        message: expect.stringMatching(/a tokenizer, which this machine does not run/),
      });
    },
  );

  it("finds spans by states of words, by the same tokenizer", async () => {
    const { examples: few, asked: some } = kinds.spans;
    const answers = await page.ask("exportedTexts", { address: "states", examples: few, asked: some });
    const [here, there] = [partsOf(answers), partsOf(nativeStates)];
    expect(here.others).toBe(there.others);
    expect(there.numbers.length).toBeGreaterThan(0);
    here.numbers.forEach((value, i) => {
      expect(value).toBeCloseTo(there.numbers[i]!, 4);
    });
  });

  it.each([
    ["/nowhere", /there is no config\.json/],
    ["/damaged", /SHA-256 is not the one/],
    ["/longer", /it has more than \d+ bytes/],
  ])("refuses %s", async (address, problem) => {
    expect(await page.ask("notExported", { address })).toMatchObject({
      code: "ILE202",
      message: expect.stringMatching(problem),
    });
  });

  it("asks nobody else, and says nothing on the console but what was not found", () => {
    expect(page.complaints.filter((text) => !/404/.test(text))).toEqual([]);
  });
});
