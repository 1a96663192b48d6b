// The file of a task: its symbols with all strokes, and what the learner has made of them, which restores it in Node:
// learner.restore(Buffer.from(JSON.parse(text).task, "base64")).

const format = "innerloop drawn symbols 1";
const mostBytes = 8 * 2 ** 20;
const mostName = 40;

/** @param bytes of `task.save()`, where there is a task */
export function writeTask(symbols, bytes) {
  const rounded = ({ x, y }) => [Number(x.toFixed(4)), Number(y.toFixed(4))];
  const kept = symbols.map(({ name, drawings }) => ({
    name,
    drawings: drawings.map((strokes) => strokes.map((stroke) => stroke.map(rounded))),
  }));
  let task;
  if (bytes) task = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return JSON.stringify({ format, symbols: kept, task });
}

/** The symbols in a file, which may come from anyone. Throws an Error that says what is wrong with it. */
export async function readTask(file, { mostSymbols, mostExamples }) {
  const fail = (problem) => {
    throw new Error(`${file.name} is no file of symbols: ${problem}.`);
  };
  if (file.size > mostBytes) fail(`it has ${file.size} bytes, of ${mostBytes} at most`);
  let value;
  try {
    value = JSON.parse(await file.text());
  } catch {
    fail("it is not JSON");
  }
  if (value?.format !== format) fail(`it does not begin with the format "${format}"`);
  const list = (found, least, most, what) =>
    Array.isArray(found) && found.length >= least && found.length <= most
      ? found
      : fail(`${what} are not ${least} to ${most}`);
  const part = (number) =>
    typeof number === "number" && number >= 0 && number <= 1 ? number : fail("a point is not from 0 to 1");
  const symbols = list(value.symbols, 2, mostSymbols, "its symbols").map((symbol) => {
    const { name, drawings } = Object(symbol);
    if (typeof name !== "string" || name.trim() === "" || name.length > mostName) fail("a symbol has no name");
    return {
      name,
      drawings: list(drawings, 0, mostExamples, `drawings of ${name}`).map((strokes) =>
        list(strokes, 1, 1000, "strokes of a drawing").map((stroke) =>
          list(stroke, 1, 50_000, "points of a stroke").map((point) => {
            const [x, y] = list(point, 2, 2, "numbers of a point");
            return { x: part(x), y: part(y) };
          }),
        ),
      ),
    };
  });
  if (new Set(symbols.map(({ name }) => name)).size !== symbols.length) fail("two symbols have one name");
  return symbols;
}
