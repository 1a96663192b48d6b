import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { MarkedText } from "@innerloop/core/tasks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readMarkedTexts } from "./marked-files.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-marked-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(file: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

const read = async (file: string, content: string | Uint8Array) => readMarkedTexts(await put(file, content), {});

/** Spans as `type: text`, by the offsets. */
const spansOf = ({ text, spans }: MarkedText): readonly string[] =>
  spans.map(({ start, end, type }) => `${type}: ${text.slice(start, end)}`);

const shown = async (file: string, content: string) =>
  (await read(file, content)).texts.texts.map((each) => [each.text, ...spansOf(each)]);

const tagged = (...lines: readonly string[]): string => lines.join("\n");

describe("CoNLL", () => {
  it("reads BIO by tabs: tokens are words, one blank apart, sentences end in empty lines", async () => {
    const { texts } = await read(
      "a.conll",
      tagged("To\tO", "New\tB-city", "York\tI-city", "", "", "Oslo\tB-city", "Rome\tB-city", ""),
    );
    expect(texts.texts).toEqual([
      {
        text: "To New York",
        spans: [{ start: 3, end: 11, type: "city" }],
        words: [
          [0, 2],
          [3, 6],
          [7, 11],
        ],
      },
      {
        text: "Oslo Rome",
        spans: [
          { start: 0, end: 4, type: "city" },
          { start: 5, end: 9, type: "city" },
        ],
        words: [
          [0, 4],
          [5, 9],
        ],
      },
    ]);
  });

  it("reads columns by blanks, CRLF, -DOCSTART- and lines about a sentence", async () => {
    const text =
      "-DOCSTART- -X- -X- O\r\n\r\n# id 7 domain=en\r\nEU NNP B-NP B-ORG\r\nrejects VBZ B-VP O\r\n\r\n# O\r\nhash O\r\n";
    expect(await shown("a.txt", text)).toEqual([["EU rejects", "ORG: EU"], ["# hash"]]);
  });

  it("reads BIOES, BILOU and BMES", async () => {
    const tags = (single: string, middle: string, end: string) =>
      tagged(`Oslo\t${single}-city`, "San\tB-city", `Luis\t${middle}-city`, `Obispo\t${end}-city`, "Bonn\tB-city");
    const expected = [["Oslo San Luis Obispo Bonn", "city: Oslo", "city: San Luis Obispo", "city: Bonn"]];
    expect(await shown("a.bio", tags("S", "I", "E"))).toEqual(expected);
    expect(await shown("b.bio", tags("U", "I", "L"))).toEqual(expected);
    expect(await shown("c.bio", tags("S", "M", "E"))).toEqual(expected);
  });

  it("begins a span where I- continues none, and tells it once", async () => {
    const { texts, notes } = await read(
      "a.tsv",
      tagged("to\tO", "Rome\tI-city", "Anna\tI-person", "Bo\tB-person", "x\tO", "Lo\tI-city"),
    );
    expect(spansOf(texts.texts[0]!)).toEqual(["city: Rome", "person: Anna", "person: Bo", "city: Lo"]);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/3 spans without a beginning, the first in line 2: I- is read as B-/);
  });

  it("reads IO, where spans side by side are one", async () => {
    const { texts, notes } = await read("a.conll", tagged("New\tI-city", "York\tI-city", "calls\tO"));
    expect(spansOf(texts.texts[0]!)).toEqual(["city: New York"]);
    expect(notes[0]).toMatch(/no B-: spans of a type side by side are read as one/);
  });

  it("says all that is wrong, with its lines", async () => {
    const wrong = tagged("Oslo\tB-city", "x\tQ-city", "\tB-city", "lone", "B-city", "");
    const error = read("a.conll", wrong);
    await expect(error).rejects.toThrow(/4 problems/);
    await expect(error).rejects.toThrow(/a\.conll:2: "Q-city" is no tag/);
    await expect(error).rejects.toThrow(/a\.conll:3: the tag "B-city" without a token/);
    await expect(error).rejects.toThrow(/a\.conll:4: the token "lone" without a tag/);
    await expect(error).rejects.toThrow(/a\.conll:5: the tag "B-city" without a token/);
  });
});

describe("marks in place", () => {
  it("reads a sentence a line, and leaves what is no mark as it is", async () => {
    const text =
      "A flight to [New York](city)\tand  [Oslo]( city ).\r\n\r\nno mark [sic] (or so)\n\\[a\\](b) \\\\ [x\\]](t)\n";
    expect(await shown("a.txt", text)).toEqual([
      ["A flight to New York\tand  Oslo.", "city: New York", "city: Oslo"],
      ["no mark [sic] (or so)"],
      ["[a](b) \\ x]", "t: x]"],
    ]);
  });

  it("counts UTF-16 units of the text without marks", async () => {
    const { texts } = await read("a.txt", "👋 zu\u0308 [Zu\u0308rich](city) [東京](city)\n");
    const { text, spans } = texts.texts[0]!;
    expect(text).toBe("👋 zu\u0308 Zu\u0308rich 東京");
    expect(spans.map(({ start, end }) => [start, end])).toEqual([
      [7, 14],
      [15, 17],
    ]);
  });

  it("says what is wrong with marks", async () => {
    await expect(read("a.txt", "[[New York](city) Times](paper)")).rejects.toThrow(
      /a\.txt:1: .*\]\(paper\).* closes no mark/,
    );
    await expect(read("b.txt", "x\n[ ](city)")).rejects.toThrow(/b\.txt:2: a mark "\(city\)" without a text/);
    await expect(read("c.txt", "[Rome]()")).rejects.toThrow(/a mark without a type/);
    await expect(read("d.txt", "[Rome](city")).rejects.toThrow(/without "\)" behind its type/);
    await expect(read("e.txt", "nothing here\n")).rejects.toThrow(
      /no span is marked\. Mark spans in a \.txt file as in/,
    );
  });
});

describe("offsets", () => {
  const spans = { start: 3, end: 9, type: "city" };
  it("reads lines of objects, lists and spaCy's pairs, with domain and part", async () => {
    const lines = [
      { text: "To Berlin", spans: [spans], domain: "travel", part: "dev" },
      { text: "To Berlin", label: [[3, 9, "city"]] },
      { text: "To Berlin", entities: [{ start_offset: 3, end_offset: 9, label: "city" }] },
      ["To Berlin", { entities: [[3, 9, "city"]] }],
      { text: "none" },
    ];
    const { texts } = await read("a.jsonl", lines.map((line) => JSON.stringify(line)).join("\n"));
    const plain = { text: "To Berlin", spans: [spans] };
    expect(texts.texts).toEqual([
      { ...plain, domain: "travel", part: "validation" },
      plain,
      plain,
      plain,
      { text: "none", spans: [] },
    ]);
    const list = await read("b.json", JSON.stringify({ data: lines }));
    expect(list.texts.texts).toEqual(texts.texts);
    expect(list.sha256).toBe(
      texts.texts.length > 0
        ? (await read("c.jsonl", lines.map((line) => JSON.stringify(line)).join("\r\n"))).sha256
        : "",
    );
  });

  it("orders spans, and leaves blanks out of them, which it tells", async () => {
    const text = "Rome to  Berlin ";
    const record = {
      text,
      spans: [
        [8, 16, "city"],
        [0, 4, "city"],
      ],
    };
    const { texts, notes } = await read("a.jsonl", JSON.stringify(record));
    expect(spansOf(texts.texts[0]!)).toEqual(["city: Rome", "city: Berlin"]);
    expect(notes[0]).toMatch(/1 sentence: blanks at the ends of spans/);
  });

  it("refuses spans outside of the text, empty, overlapping or within a character, all at once", async () => {
    const of = (text: string, ...list: readonly (readonly [number, number, string])[]) =>
      JSON.stringify({ text, spans: list });
    const lines = [
      of("To Berlin", [3, 10, "city"]),
      of("To Berlin", [3, 3, "city"]),
      of("New York Times", [0, 8, "city"], [4, 14, "paper"]),
      of("To Berlin", [3, 9, " "]),
      of("To Berlin", [2, 3, "city"]),
      of("To Berlin", [-1, 3, "city"]),
      of("To Berlin", [1.5, 3, "city"]),
      '{"text": "\\ud800 Berlin"}',
      of(""),
      '{"text": 3}',
      "[1",
      '{"text": "x", "spans": [{"start": "0", "end": 1, "type": "a"}]}',
    ];
    const error = read("a.jsonl", lines.join("\n"));
    await expect(error).rejects.toThrow(/12 problems/);
    for (const expected of [
      "a.jsonl:1: the span 3 to 10 (city) is not within the text, which has 9 UTF-16 units",
      "a.jsonl:2: the span 3 to 3 (city) is empty",
      'a.jsonl:3: "New York" (city, 0 to 8) and "York Times" (paper, 4 to 14) overlap',
      "a.jsonl:4: the span 3 to 9 has no type",
      "a.jsonl:5: the span 2 to 3 (city) holds nothing but blanks",
      "a.jsonl:6: the span -1 to 3 (city) is not within",
      "a.jsonl:7: the span 1.5 to 3: offsets are whole numbers",
      "a.jsonl:8: the text holds half a character",
      "a.jsonl:9: an empty text",
      'a.jsonl:10: it has no "text"',
      "a.jsonl:11: the line is not JSON",
      "a.jsonl:12: ",
    ])
      await expect(error).rejects.toThrow(expected);
    await expect(read("b.jsonl", of("👋 Berlin", [1, 9, "city"]))).rejects.toThrow(/within a character/);
  });

  it("names both spans where one lies over others", async () => {
    const record = {
      text: "a b c d",
      spans: [
        [0, 7, "all"],
        [2, 3, "b"],
        [4, 5, "c"],
      ],
    };
    const error = read("a.jsonl", JSON.stringify(record));
    await expect(error).rejects.toThrow('"a b c d" (all, 0 to 7) and "b" (b, 2 to 3) overlap');
    await expect(error).rejects.toThrow('"a b c d" (all, 0 to 7) and "c" (c, 4 to 5) overlap');
  });

  it("notices offsets of code points and of bytes", async () => {
    const texts = ["👋 to Berlin", "👋👋 Rome calls"];
    const found = texts.map((text) => /Berlin|Rome/.exec(text)!);
    const byPoints = found.map(({ index, input, 0: city }) => {
      const start = [...input.slice(0, index)].length;
      return JSON.stringify({ text: input, spans: [[start, start + city.length, "city"]] });
    });
    await expect(read("a.jsonl", byPoints.join("\n"))).rejects.toThrow(
      /look like ones of code points: .*a\.jsonl:1: 5 to 11 \(city\) is " Berli", by code points "Berlin"\. .*utf-16-le/,
    );
    const inBytes = found.map(({ index, input, 0: city }) => {
      const start = Buffer.byteLength(input.slice(0, index));
      return JSON.stringify({ text: input, spans: [[start, start + city.length, "city"]] });
    });
    await expect(read("b.jsonl", inBytes.join("\n"))).rejects.toThrow(/look like ones of UTF-8 bytes/);
    const right = found.map(({ index, input, 0: city }) =>
      JSON.stringify({ text: input, spans: [[index, index + city.length, "city"]] }),
    );
    const read16 = await read("c.jsonl", right.join("\n"));
    expect(read16.texts.texts.flatMap(spansOf)).toEqual(["city: Berlin", "city: Rome"]);
  });
});

describe("encodings", () => {
  it("refuses what is not UTF-8, with its line", async () => {
    const latin = Buffer.concat([Buffer.from("[Rome](city)\n"), Buffer.from("Z\u00fcrich\n", "latin1")]);
    await expect(read("a.txt", latin)).rejects.toThrow(/a\.txt:2: the text is not UTF-8/);
    await expect(read("a.json", Buffer.from('["Z\u00fcrich"]', "latin1"))).rejects.toThrow(
      /a\.json: the text is not UTF-8/,
    );
  });

  it("keeps texts as they are, decomposed letters included", async () => {
    const text = "zu\u0308 [Zu\u0308rich](city)";
    expect((await shown("a.txt", text))[0]).toEqual(["zu\u0308 Zu\u0308rich", "city: Zu\u0308rich"]);
  });

  it("reads UTF-16 with its mark", async () => {
    const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("To [東京](city)\n", "utf16le")]);
    expect((await read("a.txt", bytes)).texts.texts.flatMap(spansOf)).toEqual(["city: 東京"]);
  });
});

describe("folders", () => {
  const one = (city: string): string => `To\tO\n${city}\tB-city\n`;
  it("reads parts of domains", async () => {
    for (const domain of ["ai", "law"])
      for (const part of ["train", "dev", "test"]) await put(`${domain}/${part}.txt`, one(`${domain}-${part}`));
    await put("README.md", "words");
    const { texts, notes } = await readMarkedTexts(folder, {});
    expect(texts.texts.map(({ text, domain, part }) => [text, domain, part])).toEqual([
      ["To ai-dev", "ai", "validation"],
      ["To ai-test", "ai", "test"],
      ["To ai-train", "ai", "train"],
      ["To law-dev", "law", "validation"],
      ["To law-test", "law", "test"],
      ["To law-train", "law", "train"],
    ]);
    expect(notes[0]).toMatch(/"README\.md" left out/);
  });

  it("reads a file a domain, or the parts of one set", async () => {
    await put("a/travel.txt", "to [Rome](city)");
    await put("a/music.jsonl", JSON.stringify({ text: "play Bach", spans: [[5, 9, "artist"]] }));
    await put("b/train.txt", "to [Rome](city)");
    await put("b/test.txt", "to [Oslo](city)");
    const domains = await readMarkedTexts(join(folder, "a"), {});
    expect(domains.texts.texts.map(({ domain, part }) => [domain, part])).toEqual([
      ["music", undefined],
      ["travel", undefined],
    ]);
    const parts = await readMarkedTexts(join(folder, "b"), {});
    expect(parts.texts.texts.map(({ domain, part }) => [domain, part])).toEqual([
      [undefined, "test"],
      [undefined, "train"],
    ]);
    await put("b/travel.txt", "to [Rome](city)");
    await expect(readMarkedTexts(join(folder, "b"), {})).rejects.toThrow(
      /test\.txt is a part of one set, and travel\.txt beside it is a domain/,
    );
  });

  it("says where there is nothing to read", async () => {
    await mkdir(join(folder, "empty"));
    await expect(readMarkedTexts(join(folder, "empty"), {})).rejects.toThrow(/holds no file of marked texts/);
    await expect(read("a.csv", "text,label\n")).rejects.toThrow(/do not end in "\.csv"/);
    await expect(readMarkedTexts(join(folder, "absent.txt"), {})).rejects.toThrow(/ILD03/);
  });
});
