// A canvas to draw on with mouse, finger, pen or keyboard. Strokes are lists of points { x, y } from 0 to 1.

const lineWidth = 0.035;
const keyStep = 0.04;
const mostPoints = 20_000;

/** Draws strokes on a canvas, in the colour of the page's ink. */
export function drawStrokes(canvas, strokes) {
  const context = canvas.getContext("2d");
  const { width } = canvas;
  context.clearRect(0, 0, width, width);
  context.strokeStyle = context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink");
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = lineWidth * width;
  for (const stroke of strokes) {
    const [first] = stroke;
    // A point alone is a dot: a line of next to no length has round ends.
    const points = stroke.length > 1 ? stroke : [first, { x: first.x + 1e-4, y: first.y }];
    context.beginPath();
    for (const { x, y } of points) context.lineTo(x * width, y * width);
    context.stroke();
  }
}

/**
 * Makes a canvas a pad.
 *
 * @param changed called after each change of its strokes
 */
export function drawingPad(canvas, changed) {
  // It takes keys itself, which screen readers then leave to it.
  canvas.setAttribute("role", "application");
  let strokes = [];
  let current;
  /** The pen of the keyboard. */
  let pen;
  let isDown = false;
  let isWaiting = false;

  const redraw = () => {
    drawStrokes(canvas, strokes);
    if (!pen) return;
    const context = canvas.getContext("2d");
    const { width } = canvas;
    context.beginPath();
    context.lineWidth = 2;
    context.arc(pen.x * width, pen.y * width, (lineWidth * width) / (isDown ? 2 : 1), 0, 2 * Math.PI);
    context.stroke();
  };
  const update = () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      redraw();
      changed();
    });
  };
  const within = (value) => Math.max(0, Math.min(1, value));
  const pointOf = ({ clientX, clientY }) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return { x: within((clientX - left) / width), y: within((clientY - top) / height) };
  };
  const pointsIn = () => strokes.reduce((sum, stroke) => sum + stroke.length, 0);

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    canvas.setPointerCapture(event.pointerId);
    pen = undefined;
    isDown = false;
    current = [pointOf(event)];
    strokes.push(current);
    update();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!current || !event.isPrimary || pointsIn() > mostPoints) return;
    const events = event.getCoalescedEvents?.() ?? [];
    current.push(...(events.length > 0 ? events : [event]).map(pointOf));
    update();
  });
  for (const name of ["pointerup", "pointercancel"])
    canvas.addEventListener(name, (event) => {
      if (event.isPrimary) current = undefined;
    });
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    pen ??= { x: 0.5, y: 0.5 };
    if (move) {
      pen = { x: within(pen.x + keyStep * move[0]), y: within(pen.y + keyStep * move[1]) };
      if (isDown) strokes.at(-1).push(pen);
    } else {
      isDown = !isDown;
      if (isDown) strokes.push([pen]);
    }
    update();
  });
  canvas.addEventListener("blur", () => {
    pen = undefined;
    isDown = false;
    redraw();
  });

  const set = (next) => {
    strokes = next;
    current = undefined;
    isDown = false;
    redraw();
    changed();
  };
  return {
    strokes: () => strokes.slice(),
    undo: () => set(strokes.slice(0, -1)),
    clear: () => set([]),
    redraw,
  };
}
