import { describe, expect, it } from "vitest";
import { readingLimits } from "../reading-limits.js";
import { xmlRoot } from "./xml-elements.js";

const read = (text: string) => xmlRoot(text, "a.xml");

describe("xmlRoot", () => {
  it("gives elements with their own text and lines", () => {
    const root = read('<?xml version="1.0"?>\n<!-- a note -->\n<a b="1">\n x <c> 1 &lt; 2 &#x41; </c>\n<d/> y</a>');
    expect(root).toEqual({
      name: "a",
      line: 3,
      text: "x \n y",
      elements: [
        { name: "c", line: 4, text: "1 < 2 A", elements: [] },
        { name: "d", line: 5, text: "", elements: [] },
      ],
    });
    expect(read("<a><![CDATA[x < y]]></a>").text).toBe("x < y");
    // Longer than what the parser hands over at once.
    expect(read(`<a>${"x".repeat(200_000)}</a>`).text.length).toBe(200_000);
  });

  it("refuses document types and entities wherever they stand, before it parses", () => {
    const external = '<!DOCTYPE a [\n<!ENTITY x SYSTEM "/etc/passwd">]>\n<a>&x;</a>';
    for (const text of [
      external,
      `\n${external.toLowerCase()}`,
      '<a/><!DocType b SYSTEM "http://example.org/b.dtd">',
      '<!ENTITY % p "x"><a/>',
      // Not even where a parser would take it for text.
      "<a><![CDATA[<!DOCTYPE b>]]></a>",
    ])
      expect(() => read(text)).toThrow(/^ILD54 a\.xml:\d+: it has a document type or entity of its own/);
    for (const text of ["<a>\n\n&x;</a>", "<a>\n\n&constructor;</a>", "<a>\n\n&nbsp;</a>", "<a>\n\nA & B</a>"])
      expect(() => read(text)).toThrow("ILD54 a.xml:3: it has a reference to an entity of its own, or & as it is");
    expect(() => read("<a>&#x110000;</a>")).toThrow("it is not well-formed (Invalid character entity)");
  });

  it("refuses what is not well-formed, with the line", () => {
    expect(() => read("<a>\n<b>\n</a>")).toThrow("ILD54 a.xml:3: it is not well-formed (Unexpected close tag)");
    expect(() => read("<a>\n<b")).toThrow(/ILD54 a\.xml:2: it is not well-formed/);
    expect(() => read("<a/>\n<b/>")).toThrow(/ILD54 a\.xml:2: /);
    expect(() => read("")).toThrow("ILD54 a.xml:1: there is no element in it");
    expect(() => read("plain text")).toThrow(/it is not well-formed/);
    // An attribute that hides a method of the parser's own object.
    expect(() => read('<a hasOwnProperty="1" b="2"/>')).toThrow(/ILD54 a\.xml:1: it cannot be read/);
  });

  it("bounds depth and number of elements", () => {
    const { xmlDepth, xmlElements } = readingLimits;
    const nested = (depth: number): string => "<a>".repeat(depth) + "</a>".repeat(depth);
    expect(read(nested(xmlDepth)).name).toBe("a");
    expect(() => read(nested(xmlDepth + 1))).toThrow(`more than ${xmlDepth} deep`);
    expect(() => read(nested(500_000))).toThrow(`more than ${xmlDepth} deep`);
    expect(() => read(`<a>${"<b/>".repeat(xmlElements)}</a>`)).toThrow(`more than ${xmlElements} elements`);
    expect(() => read(`<${"a".repeat(600)}/>`)).toThrow("a name of 600 characters");
  });
});
