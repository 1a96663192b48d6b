import { DataError } from "../data-error.js";
import { readingLimits, requireRoom } from "../reading-limits.js";
import { textFault } from "../texts/text-rows.js";

/** Bytes that an id takes beside its letters, about: itself, and its place among those that are looked up. */
const bytesBeside = 100;
const idsBetweenLooks = 65_536;

/** The ids of users, or of items, in the order in which they first come up. Texts: leading zeros are a part of them. */
export class EntityIds {
  readonly ids: string[] = [];
  private readonly places = new Map<string, number>();
  private length = 0;

  constructor(
    readonly what: "users" | "items",
    private readonly path: string,
  ) {}

  /** The place of an id, undefined where it has not come up. */
  placeOf(id: string): number | undefined {
    return this.places.get(id) ?? this.places.get(idIn(id));
  }

  /**
   * The place of an id, old or new; where it is none, what is wrong with it, which quotes nothing of it.
   *
   * @throws DataError ILD06, ILD07 for more than are kept
   */
  add(cell: string): number | string {
    const known = this.places.get(cell);
    if (known !== undefined) return known;
    if (cell.length > readingLimits.labelLength) return `has more than ${readingLimits.labelLength} characters`;
    if (textFault(cell) !== undefined) return "is not plain text";
    const id = idIn(cell);
    if (id === "") return "is empty";
    const place = this.places.get(id);
    return place ?? this.addNew(id);
  }

  private addNew(id: string): number {
    const place = this.ids.length;
    if (place >= readingLimits.ratedEntities) {
      const problem = `it has more than ${readingLimits.ratedEntities} ${this.what}`;
      throw new DataError("ILD06", this.path, problem, "Is it the right column?");
    }
    // A part of the text that was read would keep all of it in memory.
    const own = Buffer.from(id).toString();
    this.length += own.length;
    if (place % idsBetweenLooks === 0) requireRoom(2 * this.length + place * bytesBeside, this.path);
    this.ids.push(own);
    this.places.set(own, place);
    return place;
  }
}

const idIn = (cell: string): string => cell.normalize("NFC").trim();
