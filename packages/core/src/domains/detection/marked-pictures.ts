/** Pictures in which objects are marked by boxes. */

/** A box in the pixels of its picture: from (x, y), its left upper corner, so wide and so high; edges lie between pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** An object that is marked in a picture. */
export interface MarkedObject {
  readonly box: Box;
  /** Its class, below the number of names. */
  readonly label: number;
  /** A crowd: matches any number of detections, counts for nothing (COCO). */
  readonly crowd?: true;
  /** Hard to see: to be left out of training and judgement (Pascal VOC). */
  readonly difficult?: true;
  /** Of its mask where a file says so, in square pixels; of the box unless given. */
  readonly area?: number;
}

/** A picture's size and what is marked in it. */
export interface MarkedPicture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly objects: readonly MarkedObject[];
}
