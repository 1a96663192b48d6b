/** XML from outside as a tree of elements: without a document type, entities of its own or anything from elsewhere. */
import { quoted, reasonOf } from "@innerloop/experiments";
import sax from "sax";
import { DataError } from "../data-error.js";
import { readingLimits } from "../reading-limits.js";

/** An element with its own text, attributes left out. */
export interface XmlElement {
  readonly name: string;
  /** The line that its tag ends in, from 1 on. */
  readonly line: number;
  /** What stands in it and in none of its elements, blanks at its ends left out. */
  readonly text: string;
  readonly elements: readonly XmlElement[];
}

interface OpenElement {
  readonly name: string;
  readonly line: number;
  readonly texts: string[];
  readonly elements: XmlElement[];
}

const declaration = /<!(?:DOCTYPE|ENTITY)/i;
/** A reference to anything but the five entities that XML has by itself, and characters by their numbers. */
const foreignReference = /&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-f]{1,6});)/i;

/**
 * The root of an XML document.
 *
 * Document types and entities are refused before anything is parsed, wherever they stand: nothing of a document is ever
 * replaced by what it defines or refers to. What is left is read by sax, which knows no files.
 *
 * @param where the file, for messages
 * @throws DataError ILD54 with the line, for what is not well-formed, has a document type or references to entities, or
 * holds more or deeper elements than are read
 */
export function xmlRoot(text: string, where: string): XmlElement {
  const refuse = (line: number, problem: string, remedy = "Correct it, or write it anew."): DataError =>
    new DataError("ILD54", `${where}:${line}`, problem, remedy);
  for (const [pattern, problem] of [
    [declaration, "it has a document type or entity of its own, which are never read"],
    [foreignReference, "it has a reference to an entity of its own, or & as it is"],
  ] as const) {
    const at = text.search(pattern);
    if (at >= 0) throw refuse(lineAt(text, at), problem, "Remove it; write & as &amp;.");
  }
  const { xmlDepth, xmlElements, labelLength } = readingLimits;
  const parser = sax.parser(true);
  const open: OpenElement[] = [];
  let root: XmlElement | undefined;
  let count = 0;
  const line = (): number => parser.line + 1;
  parser.onerror = (error) => {
    throw refuse(line(), `it is not well-formed (${reasonOf(new Error(error.message.split("\n")[0]))})`);
  };
  parser.onopentag = ({ name }) => {
    if (root) throw refuse(line(), `a second element ${quoted(name)} at the top`);
    if (++count > xmlElements) throw refuse(line(), `more than ${xmlElements} elements`);
    if (open.length >= xmlDepth) throw refuse(line(), `elements within elements, more than ${xmlDepth} deep`);
    if (name.length > labelLength) throw refuse(line(), `a name of ${name.length} characters`);
    open.push({ name, line: line(), texts: [], elements: [] });
  };
  const takeText = (piece: string): void => {
    open.at(-1)?.texts.push(piece);
  };
  parser.ontext = takeText;
  parser.oncdata = takeText;
  parser.onclosetag = () => {
    const { texts, ...element } = open.pop()!;
    const closed = { ...element, text: texts.join("").trim() };
    const around = open.at(-1);
    if (around) around.elements.push(closed);
    else root = closed;
  };
  try {
    parser.write(text).close();
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw refuse(line(), `it cannot be read (${reasonOf(error)})`);
  }
  if (root) return root;
  throw refuse(line(), "there is no element in it");
}

/** The line of a place in a text, from 1 on. */
function lineAt(text: string, place: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < place; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
