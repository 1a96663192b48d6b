import { describe, expect, it } from "vitest";
import { classesOfLines, classesOfYaml } from "./class-list.js";

const names = (text: string) => classesOfYaml(text, "data.yaml")?.names;

describe("names of a data.yaml", () => {
  it("are a list or a map, in brackets or over lines", () => {
    const three = ["cat", "big dog", "it's"];
    for (const text of [
      "names: [cat, big dog, it's]",
      `train: images/train # here\nnc: 3\nnames: ['cat', "big dog", 'it''s'] # three\n`,
      "names: [\n  cat, # the first\n  'big dog',\n\n  \"it's\",\n]\nnc: 3",
      "names:\n- cat\n- big dog\n- it's\ntrain: x",
      "path: .\nnames: # below\n  - cat\n\n  - 'big dog' # two\n  - \"it's\"\nval: y",
      "names:\n  0: cat\n  2: it's\n  1: big dog",
      'names: {0: cat, 2: "it\'s", 1: big dog}',
      "names:\r\n  0: cat\r\n  1: big dog\r\n  2: it's\r\n",
    ])
      expect(names(text), text).toEqual(three);
    expect(names('names: ["a \\"b\\" \\\\", c#d]')).toEqual(['a "b" \\', "c#d"]);
    expect(names("a:\n  names: [x]\nnc: 2")).toBeUndefined();
  });

  it("are refused with their line where they are anything else of YAML, or not one for each place", () => {
    for (const [text, problem] of [
      ["names: &a [x]", "data.yaml:1: "],
      ["names:\n  - *x", "data.yaml:2: "],
      ["names:\n  - !!python/object x", "data.yaml:2: "],
      ["names: |\n  x", "data.yaml:1: "],
      ["names:\n  - [a, b]", "data.yaml:2: "],
      ["names:\n  - a: b", "data.yaml:2: "],
      ["names:\n  - a\n    - b", "data.yaml:3: a name that is indented otherwise"],
      ["names:\n  - 'a", 'data.yaml:2: "\'a": a quote without its end'],
      ['names: ["\\x41"]', "behind a backslash"],
      ["names: [a, b", "data.yaml:1: the names have no end"],
      ["names: [a, , b]", "a text is read"],
      ["names: [a] b", "behind the names"],
      ["names: a, b", "behind names:"],
      ["names:x", "without a blank"],
      ["names:\n  0: a\n  2: b", "data.yaml:3: place 2, where 1 is next"],
      ["names:\n  0: a\n  0: b", "place 0, where 1 is next"],
      ["names:\n  0: a\n  - b", "with and without places"],
      ["names: {a: 0}", "a place as 0: is read"],
      ["names: [a, a]", 'the name "a" a second time'],
      ["names: ['']", "a name of 0 characters"],
      ["names:\ntrain: x", "names: without names"],
      ["nc: 3\nnames: [a, b]", 'data.yaml:1: nc: is "3", and there are 2 names'],
      [`names: [${"a".repeat(600)}]`, "a name of 600 characters"],
      [`names: [${Array.from({ length: 10_001 }, (_, i) => `n${i}`).join()}]`, "more than 10000 names"],
    ] as const)
      expect(() => names(text), text).toThrow(problem);
    expect(() => names("names: [a, a]")).toThrow(/^ILD54 /);
  });
});

it("names of a classes.txt are its lines", () => {
  expect(classesOfLines("cat\r\n\n big dog \n", "c.txt")).toEqual({ names: ["cat", "big dog"], where: "c.txt" });
  expect(() => classesOfLines("a\nb\na", "c.txt")).toThrow('ILD54 c.txt:3: the name "a" a second time');
});
