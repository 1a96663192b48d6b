// A page without a build step: symbols of one's own, from a few drawings of each, by the learner innerloop:symbols.
// The page is there at once: what learns is loaded after its first paint, and computes in a worker.
import { drawingPad, drawStrokes } from "./pad.js";
import { readTask, writeTask } from "./task-file.js";

const mostExamples = 5;
const mostSymbols = 20;
/** Ink shorter than this part of the pad is not made as large as a picture: a dot stays one. */
const least = 0.15;

const at = (id) => document.getElementById(id);
const pad = drawingPad(at("pad"), drawn);

/** What has been taught: symbols with their drawings, in the order of their making. */
let symbols = [];
let chosen = 0;
let learner;
/** The task of all examples; undefined where there are fewer than two symbols with some. */
let task;
let executor;

/** Of @innerloop/models, once it is loaded. */
let symbolPicture;
/** Drawings as pictures that the learner takes; each is made once. */
const pictures = new WeakMap();
/** Longer than that the page is not kept from drawing, in milliseconds. */
const mostMs = 8;
let turnBegan = 0;

/** Gives the page its turn where this one has been long enough. */
async function inSlices() {
  if (performance.now() - turnBegan < mostMs) return;
  await new Promise((next) => setTimeout(next));
  turnBegan = performance.now();
}

async function pictureOf(strokes) {
  const known = pictures.get(strokes);
  if (known) return known;
  await inSlices();
  const picture = symbolPicture(strokes, { least });
  pictures.set(strokes, picture);
  return picture;
}

/** One piece of work after another; of what waits only the last is done. */
function latest(work) {
  let isBusy = false;
  let isWanted = false;
  return async function run() {
    isWanted = true;
    if (isBusy) return;
    isBusy = true;
    try {
      while (isWanted) {
        isWanted = false;
        await work();
      }
    } catch (error) {
      say(error.message, true);
    } finally {
      isBusy = false;
    }
  };
}

/** Adapts to the examples that there are: the whole learning. */
const adapt = latest(async () => {
  if (!learner) return;
  const drawings = symbols.flatMap((symbol) => symbol.drawings.map((strokes) => ({ strokes, label: symbol.name })));
  const examples = [];
  for (const { strokes, label } of drawings) examples.push({ input: await pictureOf(strokes), label });
  const known = new Set(examples.map(({ label }) => label));
  const start = performance.now();
  task = known.size < 2 ? undefined : await learner.adapt(examples);
  if (task) tell(`${examples.length} examples learned in ${Math.round(performance.now() - start)} ms`);
  await recognise();
});

/** Says what the drawing on the pad is. */
const recognise = latest(async () => {
  const strokes = pad.strokes();
  const isAsked = mode() === "ask" && strokes.length > 0;
  if (!task || !isAsked) return showAnswer(undefined);
  const start = performance.now();
  const answer = await task.predict(await pictureOf(strokes));
  tell(`answered in ${Math.round(performance.now() - start)} ms`);
  if (mode() === "ask" && pad.strokes().length > 0) showAnswer(answer);
});

function mode() {
  return document.querySelector("input[name=mode]:checked").value;
}

function drawn() {
  at("undo").disabled = at("clear").disabled = pad.strokes().length === 0;
  showAdding();
  recognise();
}

function showAdding() {
  const symbol = symbols[chosen];
  const isFull = symbol.drawings.length >= mostExamples;
  const add = at("add");
  add.textContent = isFull ? `${symbol.name} has ${mostExamples} examples` : `Add as an example of ${symbol.name}`;
  add.disabled = isFull || pad.strokes().length === 0;
  add.hidden = mode() === "ask";
  at("taught").textContent = symbol.name;
}

/** @param answer what the learner says; undefined while there is nothing to say */
function showAnswer(answer) {
  const list = at("answer");
  if (!answer) {
    list.replaceChildren();
    const missing = symbols.filter(({ drawings }) => drawings.length === 0);
    say(
      !task
        ? `Give an example of each symbol first${missing.length > 0 ? `: ${missing.map(({ name }) => name).join(", ")}` : ""}.`
        : mode() === "ask"
          ? "Draw a symbol."
          : "Choose \u201ca new one\u201d above the pad, and draw.",
    );
    return;
  }
  const shares = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
  list.replaceChildren(
    ...shares.slice(0, 8).map(([name, share]) => {
      const item = document.createElement("li");
      item.style.setProperty("--share", share);
      item.append(spanOf(name), " ", spanOf(percent(share)));
      return item;
    }),
  );
  // Said in words that stay while it is drawn: numbers that change all the time are no use to who listens.
  say(`${answer.probability < 0.6 ? "Perhaps" : "This is"} ${answer.label}.`);
}

const percent = (share) => `${(100 * share).toFixed(0)}%`;

function spanOf(text) {
  const span = document.createElement("span");
  span.textContent = text;
  return span;
}

function say(text, isBad = false) {
  const said = at("said");
  if (said.textContent !== text) said.textContent = text;
  said.classList.toggle("bad", isBad);
}

function tell(text) {
  at("status").textContent = `${executor?.status ?? ""}${executor ? "; " : ""}${text}`;
}

function showSymbols() {
  at("symbols").replaceChildren(...symbols.map(symbolItem));
  at("add-class").disabled = symbols.length >= mostSymbols;
  at("save").disabled = symbols.every(({ drawings }) => drawings.length === 0);
  showAdding();
}

function symbolItem(symbol, place) {
  const item = document.createElement("li");
  const isTaught = place === chosen && mode() === "teach";
  item.classList.toggle("chosen", isTaught);
  const row = document.createElement("div");
  row.className = "name";
  const name = document.createElement("input");
  name.value = symbol.name;
  name.maxLength = 40;
  name.setAttribute("aria-label", `Name of symbol ${place + 1}`);
  name.addEventListener("change", () => rename(symbol, name));
  const away = buttonOf("Remove", () => removeSymbol(place));
  away.setAttribute("aria-label", `Remove ${symbol.name}`);
  away.disabled = symbols.length <= 2;
  row.append(name, away);
  const examples = document.createElement("div");
  examples.className = "examples";
  examples.append(...symbol.drawings.map((strokes, i) => exampleButton(symbol, strokes, i)));
  const more = buttonOf(isTaught ? "Being taught" : "Teach", () => choose(place));
  more.setAttribute("aria-label", `Teach ${symbol.name}: ${symbol.drawings.length} of ${mostExamples} examples`);
  more.setAttribute("aria-pressed", String(isTaught));
  item.append(row, examples, more);
  return item;
}

function buttonOf(text, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  button.addEventListener("click", act);
  return button;
}

function exampleButton(symbol, strokes, i) {
  const button = buttonOf("", () => {
    symbol.drawings.splice(i, 1);
    showSymbols();
    adapt();
  });
  button.setAttribute("aria-label", `Remove example ${i + 1} of ${symbol.name}`);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 96;
  drawStrokes(canvas, strokes);
  button.append(canvas);
  return button;
}

function choose(place) {
  chosen = place;
  document.querySelector("input[value=teach]").checked = true;
  showSymbols();
  drawn();
  at("pad").focus({ preventScroll: true });
  at("pad").scrollIntoView({ block: "nearest" });
}

function rename(symbol, input) {
  const text = input.value.trim();
  const isTaken = symbols.some((each) => each !== symbol && each.name === text);
  if (text === "" || isTaken) {
    input.value = symbol.name;
    say(isTaken ? `Another symbol is called ${text}.` : "A symbol needs a name.", true);
    return;
  }
  symbol.name = text;
  showSymbols();
  adapt();
}

function addSymbol() {
  let number = symbols.length + 1;
  while (symbols.some(({ name }) => name === `symbol ${number}`)) number++;
  symbols.push({ name: `symbol ${number}`, drawings: [] });
  choose(symbols.length - 1);
}

function removeSymbol(place) {
  symbols.splice(place, 1);
  chosen = Math.min(chosen, symbols.length - 1);
  showSymbols();
  adapt();
}

function addExample() {
  const strokes = pad.strokes();
  const symbol = symbols[chosen];
  if (strokes.length === 0 || symbol.drawings.length >= mostExamples) return;
  symbol.drawings.push(strokes);
  pad.clear();
  showSymbols();
  adapt();
}

async function save() {
  const text = writeTask(symbols, task?.save());
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "symbols.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

async function load({ target }) {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  try {
    symbols = await readTask(file, { mostSymbols, mostExamples });
    chosen = 0;
    showSymbols();
    adapt();
  } catch (error) {
    say(error.message, true);
  }
}

at("undo").addEventListener("click", () => pad.undo());
at("clear").addEventListener("click", () => pad.clear());
at("add").addEventListener("click", addExample);
at("add-class").addEventListener("click", addSymbol);
at("save").addEventListener("click", save);
at("load").addEventListener("change", load);
for (const input of document.querySelectorAll("input[name=mode]"))
  input.addEventListener("change", () => {
    // The drawing stays: one that was not recognised may be an example.
    showSymbols();
    drawn();
  });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  pad.redraw();
  showSymbols();
});

symbols = [1, 2, 3].map((number) => ({ name: `symbol ${number}`, drawings: [] }));
showSymbols();
drawn();

/** Loads what learns, after the first paint. Drawings that were added before are learned then. */
async function loadLearner() {
  await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
  const [models, web] = await Promise.all([import("@innerloop/models"), import("@innerloop/web")]);
  symbolPicture = models.symbolPicture;
  executor = await web.workerExecutor();
  learner = await web.loadExported("innerloop:symbols", { executor });
  tell("ready");
  adapt();
}

loadLearner().catch((error) => {
  at("status").textContent = "The learner could not be loaded.";
  say(error.message, true);
});
