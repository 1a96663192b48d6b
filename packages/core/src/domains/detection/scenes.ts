/** Made pictures: characters strewn over a canvas, each with its box. */
import { type Random, random } from "../../random/random.js";
import { TaskError, wholeNumber } from "../../tasks/task.js";
import { requireObject } from "../../tasks/value-gate.js";
import type { LabelledExamples } from "../classification/labelled-examples.js";
import type { Range } from "../curves/curve-tasks.js";
import { InkDrawing, type InkPatch } from "./ink-patches.js";
import type { Box, MarkedObject } from "./marked-pictures.js";

/** Options of scenes; those left out are of the plain level. Values of pixels are from 0, black, to 1. */
export interface SceneOptions {
  /** Height and width of the canvas in pixels; 112 unless given. */
  readonly size?: number;
  /** 1 for grey (unless given); 3 for colour: of each background and each object its own, whatever its class. */
  readonly channels?: 1 | 3;
  /** Levels of backgrounds; [0, 0.25] unless given. */
  readonly background?: Range;
  /** Levels of ink, of each object its own; [0.6, 1] unless given. */
  readonly ink?: Range;
  /** Standard deviation of normal noise on all pixels, which are then cut to 0 and 1; 0.05 unless given. */
  readonly noise?: number;
  /** Pixels of the longer side of a character's ink before it is turned; [20, 36] unless given. */
  readonly sizes?: Range;
  /** Degrees by which a character is turned at most, either way; 12 unless given. */
  readonly rotation?: number;
  /** Pixels by which two boxes may reach into each other, along the axis where it is less; 1 unless given. */
  readonly overlap?: number;
  /** Straight lines behind the objects, as bright as these; 0 unless given. */
  readonly clutter?: number;
  /** Smooth changes of the background, up to so much brighter; 0 unless given. */
  readonly texture?: number;
}

/** Levels of scenes, from the plain one to one of everything that makes them harder. */
export const sceneLevels = {
  plain: {},
  overlap: { overlap: 10 },
  clutter: { clutter: 8 },
  texture: { texture: 0.3 },
  sizes: { sizes: [12, 60] },
  colour: { channels: 3 },
  hard: { overlap: 6, clutter: 8, texture: 0.3, sizes: [12, 60], channels: 3 },
} as const satisfies Readonly<Record<string, SceneOptions>>;

/** The label of an object of none of the classes that are asked for: a distractor. */
export const distractorLabel = -1;

/** A character to be drawn in a scene. */
export interface SceneCharacter {
  /** Its class, as its place in the data. */
  readonly class: number;
  /** Which of the examples of its class. */
  readonly example: number;
  /** The label of its object, from 0; of a distractor `distractorLabel`. */
  readonly label: number;
}

/** A scene. */
export interface Scene {
  /** Row-major [size, size, channels], from 0 to 1. */
  readonly pixels: Float32Array;
  /** Objects of classes, in the order of the characters asked for. */
  readonly objects: readonly MarkedObject[];
  /** Objects of none, with the label `distractorLabel`, in that order. */
  readonly distractors: readonly MarkedObject[];
}

/** A generator of scenes of the characters of a data set. */
export interface SceneGenerator {
  readonly options: Required<SceneOptions>;
  /**
   * The scene at an address: a function of the address, the characters and the options alone.
   *
   * @param address a seed and counters, as of `random`
   * @throws ILT201 where the characters find no place in as many layouts as are tried; RangeError ILT101 for an address that
   * is none; ILT304 where there is no class or example of a number
   */
  draw(address: SceneAddress, characters: readonly SceneCharacter[]): Scene;
  /**
   * @internal How many times characters are drawn, in other sizes, until all have a place: 1 where they had it at once,
   * Infinity where they find none.
   */
  draws(address: SceneAddress, characters: readonly SceneCharacter[]): number;
}

/** A seed, and counters that say what it is for. */
export type SceneAddress = readonly [seed: number, ...counters: number[]];

/**
 * Scenes of characters: ink of its own level on a background of its own level, in sizes and at angles of their own.
 *
 *     p_0 = background + texture,   p_k = p_(k-1) + coverage_k (ink_k - p_(k-1)) for each line and object k
 *     pixel = p_n + e,   e ~ N(0, noise^2),   cut to [0, 1]
 *
 * Each character's ink is cropped, scaled so that the longer side is of `sizes`, turned within `rotation` degrees and put
 * at a whole pixel, each place of the canvas equally likely. Its box is the tight box of its ink as drawn, also where another
 * object covers some of it: the larger ones are drawn first. Levels, sizes and angles are uniform.
 *
 * Places are drawn anew until no two boxes reach into each other by more than `overlap` pixels. Where 10 layouts of up to 40
 * tries for each character have not done, sizes and angles are drawn anew too, up to 100 times: of crowded scenes the sizes
 * are those that fit. Characters that do not fit then are an error; none is left out or made smaller.
 *
 * Layout and paint have random numbers of their own: the same address has the same boxes whatever the levels, noise,
 * clutter, texture and channels.
 *
 * @param data grey images of single characters [height, width, 1], ink high and paper 0
 * @throws ILT201 where an option is out of range; ILT314 where examples are no grey images, they are dark on light, or one of
 * them is empty
 * @example sceneGenerator(characters).draw([1, 0], [{ class: 3, example: 0, label: 0 }])
 */
export function sceneGenerator(data: LabelledExamples, options: SceneOptions = {}): SceneGenerator {
  const setting = checkedOptions(options);
  const drawing = new InkDrawing(data, operation);
  const layoutAt = (address: SceneAddress, characters: readonly SceneCharacter[]): Layout | undefined =>
    layout(data, drawing, characters, setting, random(...address, layoutPart));
  return {
    options: setting,
    draws: (address, characters) => layoutAt(address, characters)?.draws ?? Number.POSITIVE_INFINITY,
    draw(address, characters) {
      const placed = layoutAt(address, characters)?.placed ?? noRoom(characters.length, setting);
      const marked = characters.map(({ label }, i): MarkedObject => ({ box: placed[i]!.box, label }));
      return {
        pixels: paint(placed, setting, random(...address, paintPart)),
        objects: marked.filter(({ label }) => label !== distractorLabel),
        distractors: marked.filter(({ label }) => label === distractorLabel),
      };
    },
  };
}

const operation = "sceneGenerator";
/** Last counters of the addresses of a scene's random numbers. */
const [layoutPart, paintPart] = [0, 1];

const plain: Required<SceneOptions> = {
  size: 112,
  channels: 1,
  background: [0, 0.25],
  ink: [0.6, 1],
  noise: 0.05,
  sizes: [20, 36],
  rotation: 12,
  overlap: 1,
  clutter: 0,
  texture: 0,
};

/** Larger canvases than any picture that a detector is trained on. */
const mostSize = 4096;

/** @throws ILT201 */
function checkedOptions(given: SceneOptions): Required<SceneOptions> {
  requireObject(given, operation, "the second argument", "Give options, { sizes: [12, 60] }, or none");
  const options = { ...plain, ...given };
  const refuse = (name: string, value: unknown, remedy: string): never => {
    throw new TaskError("ILT201", operation, `${name} is ${String(value)}`, remedy);
  };
  const { size, channels } = options;
  if (wholeNumber(size, operation, "size", 8) > mostSize) refuse("size", size, `Give at most ${mostSize}`);
  wholeNumber(options.clutter, operation, "clutter", 0);
  if (options.clutter > size) refuse("clutter", options.clutter, "Give at most as many lines as the canvas has rows");
  if (channels !== 1 && channels !== 3) refuse("channels", channels, "Give 1 for grey, or 3 for colour");
  for (const [name, least, most] of [
    ["background", 0, 1],
    ["ink", 0, 1],
    ["sizes", 4, size],
  ] as const) {
    const [low, high] = Array.isArray(options[name]) ? options[name] : [Number.NaN, Number.NaN];
    if (low >= least && low <= high && high <= most) continue;
    refuse(name, options[name], `Give two numbers from ${least} to ${most}, the lower first`);
  }
  for (const [name, most] of [
    ["noise", 1],
    ["rotation", 180],
    ["overlap", size],
    ["texture", 1],
  ] as const) {
    if (!(options[name] >= 0 && options[name] <= most)) refuse(name, options[name], `Give a number from 0 to ${most}`);
  }
  return options;
}

// --- layout ----------------------------------------------------------------------------------------------------------

interface Placed {
  readonly patch: InkPatch;
  readonly box: Box;
}

interface Layout {
  /** In the order of the characters. */
  readonly placed: readonly Placed[];
  readonly draws: number;
}

/** Bounds of the search: see `sceneGenerator`. */
const [mostDraws, mostLayouts, mostTries] = [100, 10, 40];

const noRoom = (characters: number, { sizes, size }: Required<SceneOptions>): never => {
  const problem = `${characters} characters of ${sizes.join(" to ")} pixels find no place on ${size} x ${size} in ${mostDraws * mostLayouts} layouts`;
  throw new TaskError(
    "ILT201",
    operation,
    problem,
    "Lower sizes or the number of characters, or raise size or overlap",
  );
};

/** Characters in their places; undefined where the search ends without. */
function layout(
  data: LabelledExamples,
  drawing: InkDrawing,
  characters: readonly SceneCharacter[],
  setting: Required<SceneOptions>,
  source: Random,
): Layout | undefined {
  const { size, sizes, rotation, overlap } = setting;
  const most = (rotation * Math.PI) / 180;
  for (let draws = 1; draws <= mostDraws; draws++) {
    const patches = characters.map((character) => {
      const entry = data.classes[character.class];
      if (!entry) {
        const problem = `no class ${character.class} in ${data.name}`;
        throw new TaskError("ILT304", operation, problem, `Give indices from 0 to ${data.classes.length - 1}`);
      }
      const side = source.uniform(sizes[0], sizes[1]);
      return drawing.patch(entry, character.example, side, source.uniform(-most, most));
    });
    // Large ones find a place more easily while there is room.
    const order = falling(patches);
    for (let attempt = 0; attempt < mostLayouts; attempt++) {
      const boxes = places(
        order.map((i) => patches[i]!),
        { size, overlap, source },
      );
      if (!boxes) continue;
      const placed = new Array<Placed>(patches.length);
      order.forEach((i, at) => {
        placed[i] = { patch: patches[i]!, box: boxes[at]! };
      });
      return { placed, draws };
    }
  }
  return undefined;
}

/** Places in a list of patches, by falling area. */
const falling = (patches: readonly InkPatch[]): number[] => {
  const areaOf = (i: number): number => patches[i]!.width * patches[i]!.height;
  return patches.map((_, i) => i).sort((a, b) => areaOf(b) - areaOf(a) || a - b);
};

/** A place for each patch; undefined where one of them finds none. */
function places(
  patches: readonly InkPatch[],
  { size, overlap, source }: { readonly size: number; readonly overlap: number; readonly source: Random },
): readonly Box[] | undefined {
  const boxes: Box[] = [];
  for (const { width, height } of patches) {
    if (width > size || height > size) return undefined;
    let tries = 0;
    for (; tries < mostTries; tries++) {
      const box = { x: source.integer(size - width + 1), y: source.integer(size - height + 1), width, height };
      if (boxes.some((other) => reach(box, other) > overlap)) continue;
      boxes.push(box);
      break;
    }
    if (tries === mostTries) return undefined;
  }
  return boxes;
}

/** Pixels by which two boxes reach into each other along the axis where it is less; below 0 where they are apart. */
const reach = (a: Box, b: Box): number =>
  Math.min(
    Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x),
    Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y),
  );

// --- paint -----------------------------------------------------------------------------------------------------------

type Levels = readonly number[];

function paint(placed: readonly Placed[], setting: Required<SceneOptions>, source: Random): Float32Array {
  const { size, channels, background, noise, texture, clutter } = setting;
  const pixels = new Float32Array(size * size * channels);
  for (let channel = 0; channel < channels; channel++) {
    const level = source.uniform(background[0], background[1]);
    for (let i = channel; i < pixels.length; i += channels) pixels[i] = level;
  }
  const inks = placed.map(() => inkLevels(setting, source));
  if (texture > 0) addTexture(pixels, setting, source);
  for (let i = 0; i < clutter; i++) drawLine(pixels, setting, source);
  for (const i of falling(placed.map(({ patch }) => patch))) drawInk(pixels, placed[i]!, inks[i]!, setting);
  if (noise > 0) addNoise(pixels, noise, source);
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i]!;
    if (value < 0) pixels[i] = 0;
    else if (value > 1) pixels[i] = 1;
  }
  return pixels;
}

/** Radii and cosines of Box and Muller's normal numbers for 65,536 uniform ones, made when they are first needed. */
let normalTables: { readonly radii: Float32Array; readonly cosines: Float32Array } | undefined;
const [uniforms, quarterTurn] = [0x10000, 0x4000];

/**
 * Normal noise, two numbers of each random word: Box and Muller (1958) with uniform numbers of 16 bits, within 4.9
 * deviations. `Random.normal` takes four words for two numbers and a logarithm, which is most of the time of a scene.
 */
function addNoise(pixels: Float32Array, deviation: number, source: Random): void {
  normalTables ??= {
    radii: Float32Array.from({ length: uniforms }, (_, i) => Math.sqrt(-2 * Math.log((i + 0.5) / uniforms))),
    cosines: Float32Array.from({ length: uniforms }, (_, i) => Math.cos((2 * Math.PI * (i + 0.5)) / uniforms)),
  };
  const { radii, cosines } = normalTables;
  const pairs = pixels.length & ~1;
  for (let i = 0; i < pairs; i += 2) {
    const word = source.word();
    const radius = deviation * radii[word & 0xffff]!;
    const angle = word >>> 16;
    pixels[i]! += radius * cosines[angle]!;
    pixels[i + 1]! += radius * cosines[(angle - quarterTurn) & 0xffff]!;
  }
  // An odd canvas of one channel has a pixel more.
  if (pairs < pixels.length) pixels[pairs]! += source.normal(0, deviation);
}

/** A level of ink; of colours one channel's, and of the others anything that is no darker than the lightest background. */
function inkLevels({ channels, ink, background }: Required<SceneOptions>, source: Random): Levels {
  const level = source.uniform(ink[0], ink[1]);
  if (channels === 1) return [level];
  const strong = source.integer(3);
  const least = Math.min(background[1], ink[1]);
  return [0, 1, 2].map((channel) => (channel === strong ? level : source.uniform(least, ink[1])));
}

/** Lays a level over a pixel: as much of it as the pixel is covered. */
function cover(pixels: Float32Array, at: number, levels: Levels, coverage: number): void {
  for (let channel = 0; channel < levels.length; channel++) {
    const before = pixels[at + channel]!;
    pixels[at + channel] = before + coverage * (levels[channel]! - before);
  }
}

function drawInk(
  pixels: Float32Array,
  { patch, box }: Placed,
  levels: Levels,
  { size, channels }: Required<SceneOptions>,
): void {
  for (let y = 0; y < patch.height; y++) {
    let at = ((box.y + y) * size + box.x) * channels;
    for (let x = 0; x < patch.width; x++, at += channels) {
      const coverage = patch.coverage[y * patch.width + x]!;
      if (coverage > 0) cover(pixels, at, levels, coverage);
    }
  }
}

/** A straight line of 1 to 3 pixels' width and a quarter to three quarters of the canvas's length. */
function drawLine(pixels: Float32Array, setting: Required<SceneOptions>, source: Random): void {
  const { size, channels } = setting;
  const levels = inkLevels(setting, source);
  const [middleX, middleY] = [source.uniform(0, size), source.uniform(0, size)];
  const angle = source.uniform(0, Math.PI);
  const [alongX, alongY] = [Math.cos(angle), Math.sin(angle)];
  const half = source.uniform(size / 8, (3 * size) / 8);
  const halfWidth = source.uniform(0.5, 1.5);
  const edge = halfWidth + 1;
  const [reachX, reachY] = [Math.abs(alongX) * half + edge, Math.abs(alongY) * half + edge];
  const [left, right] = [Math.max(0, Math.floor(middleX - reachX)), Math.min(size, Math.ceil(middleX + reachX))];
  const [top, bottom] = [Math.max(0, Math.floor(middleY - reachY)), Math.min(size, Math.ceil(middleY + reachY))];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const [fromX, fromY] = [x + 0.5 - middleX, y + 0.5 - middleY];
      const along = Math.abs(fromX * alongX + fromY * alongY) - half;
      const across = Math.abs(fromY * alongX - fromX * alongY) - halfWidth;
      // An edge covers the pixel that it passes through the middle of by half.
      const coverage = 0.5 - Math.max(along, across);
      if (coverage > 0) cover(pixels, (y * size + x) * channels, levels, Math.min(1, coverage));
    }
  }
}

/** Octaves of the texture: cells along a side of the canvas, and shares of its height. */
const octaves = [
  { cells: 4, share: 2 / 3 },
  { cells: 16, share: 1 / 3 },
] as const;

/** Value noise: levels from 0 to `texture` at the corners of cells, and between them by bilinear interpolation. */
function addTexture(pixels: Float32Array, { size, channels, texture }: Required<SceneOptions>, source: Random): void {
  for (const { cells, share } of octaves) {
    const corners = Float32Array.from({ length: (cells + 1) ** 2 }, () => source.uniform(0, share * texture));
    for (let y = 0; y < size; y++) {
      const v = ((y + 0.5) * cells) / size;
      const [row, down] = [Math.floor(v), v % 1];
      for (let x = 0; x < size; x++) {
        const u = ((x + 0.5) * cells) / size;
        const [column, right] = [Math.floor(u), u % 1];
        const at = row * (cells + 1) + column;
        const above = (1 - right) * corners[at]! + right * corners[at + 1]!;
        const below = (1 - right) * corners[at + cells + 1]! + right * corners[at + cells + 2]!;
        const level = (1 - down) * above + down * below;
        for (let channel = 0; channel < channels; channel++) pixels[(y * size + x) * channels + channel]! += level;
      }
    }
  }
}
