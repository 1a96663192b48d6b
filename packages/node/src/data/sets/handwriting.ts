/** A stroke as the line its pen follows: points [x, y] in a box of 1024 units with y up, from start to end. */
export type PenStroke = readonly (readonly [number, number])[];

/** One hand's writing of one character, by numbers from which it is drawn. */
export interface HandwritingSample {
  /** Names the character: with `sample` and `seed` it determines the hand. */
  readonly character: string;
  readonly sample: number;
  readonly seed: number;
  /** Height and width of the image in pixels; default 28. */
  readonly side?: number;
}

// The box of Make Me a Hanzi: x from 0 to 1024, y from -124 to 900.
const box = 1024;
const centre = { x: 512, y: 388 };

/** How one person, on one occasion, writes: drawn anew for each sample. */
interface Hand {
  /** Maps offsets from the centre: [xx, xy, yx, yy], with rotation, slant, rise of horizontals and proportions. */
  readonly affine: readonly [number, number, number, number];
  /** Slow waves that give the parts of a character other proportions: amplitude, frequencies, phase. */
  readonly waves: readonly { axis: "x" | "y"; amplitude: number; fx: number; fy: number; phase: number }[];
  readonly penRadius: number;
  /** How much thinner a stroke ends than it begins. */
  readonly taper: number;
  /** How far off the strokes and their points land, as a factor. */
  readonly carelessness: number;
  /** How much corners are cut, 0 to 0.3. */
  readonly roundness: number;
  /** How strokes bow, as a part of their length: the same way for all strokes of a hand, and more for each. */
  readonly bow: number;
  /** Probability that the pen stays on the paper between near strokes. */
  readonly joining: number;
  readonly shift: readonly [number, number];
}

/**
 * Draws a character by hand: `side * side` bytes, ink 255 on 0. The result depends on (character, sample, seed) and
 * the strokes only. Each sample has a hand of its own: slant, rotation, proportions, size, place, pen, carelessness of
 * strokes, rounding of corners, and whether the pen stays on the paper between strokes.
 */
export function drawHandwriting(strokes: readonly PenStroke[], options: HandwritingSample): Uint8Array {
  const side = options.side ?? 28;
  const random = randomNumbers(`${options.seed}/${options.sample}/${options.character}`);
  const hand = drawHand(random);
  const lines = strokes
    .filter((stroke) => stroke.length > 0)
    .map((stroke) => inPlane(smooth(careless(stroke, hand, random), hand.roundness), hand));
  return rasterize(penLines(lines, hand, random, side), side);
}

function drawHand({ uniform, normal }: RandomNumbers): Hand {
  const size = uniform(0.82, 1.02);
  const aspect = 1 + 0.08 * normal();
  const angle = 0.07 * normal();
  const slant = 0.14 * normal();
  const rise = uniform(-0.04, 0.12);
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const [sx, sy] = [size * aspect, size / aspect];
  // rotation * [[sx, slant], [rise, sy]]
  const affine = [
    cosine * sx - sine * rise,
    cosine * slant - sine * sy,
    sine * sx + cosine * rise,
    sine * slant + cosine * sy,
  ] as const;
  const waves = (["x", "y", "x", "y"] as const).map((axis) => ({
    axis,
    amplitude: uniform(6, 30),
    fx: uniform(-0.9, 0.9),
    fy: uniform(-0.9, 0.9),
    phase: uniform(0, 2 * Math.PI),
  }));
  const cursive = uniform(0, 1) < 0.35;
  return {
    affine,
    waves,
    penRadius: uniform(0.55, 1.15),
    taper: uniform(0, 0.6),
    carelessness: uniform(0.5, cursive ? 1.7 : 1.3),
    roundness: uniform(0.12, 0.3),
    bow: 0.025 * normal(),
    joining: cursive ? uniform(0.2, 0.6) : 0,
    shift: [26 * normal(), 26 * normal()],
  };
}

type Line = [number, number][];

/** The stroke as it lands: moved, turned, stretched and bowed, each point a little off. */
function careless(stroke: PenStroke, hand: Hand, { normal }: RandomNumbers): Line {
  const [first, last] = [stroke[0]!, stroke[stroke.length - 1]!];
  const middle = [(first[0] + last[0]) / 2, (first[1] + last[1]) / 2] as const;
  const length = Math.hypot(last[0] - first[0], last[1] - first[1]);
  const c = hand.carelessness;
  const [dx, dy] = [14 * c * normal(), 14 * c * normal()];
  const turn = 0.05 * c * normal();
  const stretch = 1 + 0.07 * c * normal();
  const bow = length * (hand.bow + 0.025 * c * normal());
  const normalTo = length > 0 ? [-(last[1] - first[1]) / length, (last[0] - first[0]) / length] : [0, 0];
  return stroke.map(([x, y], index) => {
    const t = stroke.length > 1 ? index / (stroke.length - 1) : 0;
    const push = bow * 4 * t * (1 - t);
    const [ox, oy] = [(x - middle[0]) * stretch, (y - middle[1]) * stretch];
    return [
      middle[0] + ox - turn * oy + dx + push * normalTo[0]! + 7 * c * normal(),
      middle[1] + oy + turn * ox + dy + push * normalTo[1]! + 7 * c * normal(),
    ];
  });
}

/** Cuts corners (Chaikin, 1974) twice, keeping both ends: a smooth line that never overshoots its points. */
function smooth(line: Line, roundness: number): Line {
  let points = line;
  for (let round = 0; round < 2 && points.length > 2; round++) {
    const cut: Line = [points[0]!];
    for (let i = 0; i + 1 < points.length; i++) {
      const [[ax, ay], [bx, by]] = [points[i]!, points[i + 1]!];
      if (i > 0) cut.push([ax + roundness * (bx - ax), ay + roundness * (by - ay)]);
      if (i + 2 < points.length) cut.push([bx + roundness * (ax - bx), by + roundness * (ay - by)]);
    }
    cut.push(points[points.length - 1]!);
    points = cut;
  }
  return points;
}

/** The hand's map of the plane; results are offsets from the centre of the image, in units, y down. */
function inPlane(line: Line, hand: Hand): Line {
  const [xx, xy, yx, yy] = hand.affine;
  return line.map(([x, y]) => {
    const px = x - centre.x;
    const py = y - centre.y;
    let qx = px;
    let qy = py;
    for (const { axis, amplitude, fx, fy, phase } of hand.waves) {
      const wave = amplitude * Math.sin((2 * Math.PI * (fx * px + fy * py)) / box + phase);
      if (axis === "x") qx += wave;
      else qy += wave;
    }
    return [xx * qx + xy * qy + hand.shift[0], -(yx * qx + yy * qy) + hand.shift[1]];
  });
}

/** A piece of ink in pixels: from (ax, ay) with radius ar to (bx, by) with radius br. */
type Ink = readonly [ax: number, ay: number, ar: number, bx: number, by: number, br: number];

function penLines(lines: readonly Line[], hand: Hand, { uniform }: RandomNumbers, side: number): Ink[] {
  const margin = (1.5 * side) / 28;
  const scale = fit(lines, side, margin);
  const lengths = lines.map((line) => lengthOf(line) * scale.factor);
  const written = lengths.reduce((sum, length) => sum + length, 0);
  // Many strokes need a fine pen: about 38% of the paper may be ink.
  const finest = (0.4 * side) / 28;
  const radius = Math.max(
    finest,
    Math.min((hand.penRadius * side) / 28, (0.38 * (side - 2 * margin) ** 2) / (2 * written)),
  );
  const place = ([x, y]: readonly [number, number]) => [x * scale.factor + scale.dx, y * scale.factor + scale.dy];
  const ink: Ink[] = [];
  let previousEnd: readonly number[] | undefined;
  for (const [index, line] of lines.entries()) {
    const points = line.map(place);
    const start = points[0]!;
    const joined = uniform(0, 1) < hand.joining;
    if (previousEnd && joined) {
      const [px, py] = previousEnd as [number, number];
      const thin = Math.max(finest * 0.8, radius * 0.55);
      if (Math.hypot(start[0]! - px, start[1]! - py) < 0.3 * side) ink.push([px, py, thin, start[0]!, start[1]!, thin]);
    }
    const total = Math.max(lengths[index]!, 1e-9);
    const radiusAt = (walked: number) => Math.max(finest * 0.8, radius * (1.1 - hand.taper * (walked / total) ** 2));
    let walked = 0;
    if (points.length === 1) ink.push([start[0]!, start[1]!, radius, start[0]!, start[1]!, radius]);
    for (let i = 0; i + 1 < points.length; i++) {
      const [[ax, ay], [bx, by]] = [points[i] as [number, number], points[i + 1] as [number, number]];
      const from = radiusAt(walked);
      walked += Math.hypot(bx - ax, by - ay);
      ink.push([ax, ay, from, bx, by, radiusAt(Math.min(walked, total))]);
    }
    previousEnd = points[points.length - 1];
  }
  return ink;
}

/** Units to pixels; what would leave the paper is moved back, and shrunk where that is not enough. */
function fit(lines: readonly Line[], side: number, margin: number): { factor: number; dx: number; dy: number } {
  let [left, right, top, bottom] = [0, 0, 0, 0];
  for (const line of lines) {
    for (const [x, y] of line) {
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  const room = side - 2 * margin;
  const factor = Math.min(side / box, room / Math.max(right - left, 1), room / Math.max(bottom - top, 1));
  const moveInside = (low: number, high: number) => {
    const half = side / 2;
    return half + Math.max(0, margin - (half + low * factor)) - Math.max(0, half + high * factor - (side - margin));
  };
  return { factor, dx: moveInside(left, right), dy: moveInside(top, bottom) };
}

function lengthOf(line: Line): number {
  let length = 0;
  for (let i = 0; i + 1 < line.length; i++) {
    length += Math.hypot(line[i + 1]![0] - line[i]![0], line[i + 1]![1] - line[i]![1]);
  }
  return length;
}

/**
 * Fills round-ended pieces of ink: the coverage of a pixel is 1/2 + radius - distance to the piece's axis, cut to
 * [0, 1]. This is exact for a straight edge parallel to the pixels, and does not depend on any drawing library's
 * version.
 */
function rasterize(ink: readonly Ink[], side: number): Uint8Array {
  const image = new Uint8Array(side * side);
  for (const [ax, ay, ar, bx, by, br] of ink) {
    const reach = Math.max(ar, br) + 0.5;
    const ux = bx - ax;
    const uy = by - ay;
    const squared = ux * ux + uy * uy;
    const firstRow = Math.max(0, Math.floor(Math.min(ay, by) - reach));
    const lastRow = Math.min(side - 1, Math.floor(Math.max(ay, by) + reach));
    const firstColumn = Math.max(0, Math.floor(Math.min(ax, bx) - reach));
    const lastColumn = Math.min(side - 1, Math.floor(Math.max(ax, bx) + reach));
    for (let row = firstRow; row <= lastRow; row++) {
      for (let column = firstColumn; column <= lastColumn; column++) {
        const px = column + 0.5 - ax;
        const py = row + 0.5 - ay;
        const t = squared > 0 ? Math.min(1, Math.max(0, (px * ux + py * uy) / squared)) : 0;
        const ox = px - t * ux;
        const oy = py - t * uy;
        const distance2 = ox * ox + oy * oy;
        const inkReach = 0.5 + ar + t * (br - ar);
        if (distance2 >= inkReach * inkReach) continue;
        const coverage = inkReach - Math.sqrt(distance2);
        const value = coverage >= 1 ? 255 : Math.round(255 * coverage);
        const at = row * side + column;
        if (value > image[at]!) image[at] = value;
      }
    }
  }
  return image;
}

interface RandomNumbers {
  uniform(low: number, high: number): number;
  /** Mean 0, variance 1, within +-3.47: the sum of four uniform numbers. */
  normal(): number;
}

/** sfc32 (Doty-Humphrey, 2010), seeded with the FNV-1a hash of a text. */
function randomNumbers(text: string): RandomNumbers {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  let [a, b, c, counter] = [hash, hash ^ 0x9e3779b9, Math.imul(hash, 0x85ebca6b), 1];
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 15; i++) next();
  return {
    uniform: (low, high) => low + (high - low) * next(),
    normal: () => (next() + next() + next() + next() - 2) * Math.sqrt(3),
  };
}
