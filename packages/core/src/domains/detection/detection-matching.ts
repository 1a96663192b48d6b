/** Detections of a picture beside what is marked in it: which are hits, which are misses, and which count for neither. */
import { byFallingScore, type Detection } from "./detections.js";
import type { MarkedObject } from "./marked-pictures.js";
import { boxArea, intersectionOverUnion, overlapWithCrowd } from "./overlap.js";

/** What became of a detection at one threshold. */
export const outcomes = { ignored: 0, hit: 1, miss: 2 } as const;

/** A range of areas in square pixels, both ends in it. */
export type AreaRange = readonly [least: number, most: number];

/** Overlaps of the detections of one class with the objects of that class in one picture. */
export interface Overlaps {
  /** The picture's place among all. */
  readonly picture: number;
  readonly objects: readonly MarkedObject[];
  /** By falling score, no more than are judged. */
  readonly detections: readonly Detection[];
  /** Row by row of the detections: intersection over union, of crowds the share of the detection. */
  readonly values: Float64Array;
}

/** The `most` surest detections, and what they have in common with each object. */
export function overlapsOf(
  picture: number,
  objects: readonly MarkedObject[],
  detections: readonly Detection[],
  most: number,
): Overlaps {
  const surest = [...detections].sort(byFallingScore).slice(0, most);
  const values = new Float64Array(surest.length * objects.length);
  surest.forEach((detection, d) => {
    objects.forEach(({ box, crowd }, o) => {
      const overlap = crowd ? overlapWithCrowd : intersectionOverUnion;
      values[d * objects.length + o] = overlap(detection.box, box);
    });
  });
  return { picture, objects, detections: surest, values };
}

/** One class of one picture, matched. */
export interface MatchedPicture {
  /** Objects that have to be found. */
  readonly countable: number;
  /** Of `outcomes`, row by row of the thresholds: one for each detection. */
  readonly outcomes: Uint8Array;
}

/** Whether any number of detections may be matched with an object, none of them a hit. */
const matchesMany = ({ crowd, difficult }: MarkedObject): boolean => crowd === true || difficult === true;

const isWithin = (area: number, [least, most]: AreaRange): boolean => area >= least && area <= most;

/**
 * The matching of COCOeval's `evaluateImg`. Detections choose in turn, the surest first: each takes the free object of
 * highest overlap at or above the threshold, of equal overlaps the later one; an object that has not to be found, only where
 * no other will do. These are crowds, difficult objects and those whose area is out of range; a detection that takes one is
 * ignored, and so is one that takes none and is itself out of range. Crowds and difficult objects stay free.
 */
export function matchPicture(
  { objects, detections, values }: Overlaps,
  thresholds: readonly number[],
  areas: AreaRange,
): MatchedPicture {
  const ignored = objects.map((object) => matchesMany(object) || !isWithin(object.area ?? boxArea(object.box), areas));
  const stayFree = objects.map(matchesMany);
  const places = objects.map((_, o) => o);
  const toFind = places.filter((o) => !ignored[o]);
  const order = [...toFind, ...places.filter((o) => ignored[o])];
  const unmatched = detections.map(({ box }) => (isWithin(boxArea(box), areas) ? outcomes.miss : outcomes.ignored));
  const found = new Uint8Array(thresholds.length * detections.length);
  const taken = new Uint8Array(objects.length);
  thresholds.forEach((threshold, t) => {
    taken.fill(0);
    for (let d = 0; d < detections.length; d++) {
      // A threshold of 1 would ask equal boxes for more than their rounded overlap.
      let highest = Math.min(threshold, 1 - 1e-10);
      let match = -1;
      for (const o of order) {
        if (taken[o] && !stayFree[o]) continue;
        if (match >= 0 && !ignored[match] && ignored[o]) break;
        const overlap = values[d * objects.length + o]!;
        if (overlap < highest) continue;
        highest = overlap;
        match = o;
      }
      const place = t * detections.length + d;
      if (match < 0) found[place] = unmatched[d]!;
      else {
        taken[match] = 1;
        found[place] = ignored[match] ? outcomes.ignored : outcomes.hit;
      }
    }
  });
  return { countable: toFind.length, outcomes: found };
}
