/** Entry point "@innerloop/core/detection": pictures in which objects are marked, and what is computed of them. */
import "../../library-module.js";

export {
  type CocoAnnotation,
  type CocoBox,
  type CocoDataset,
  type CocoResult,
  cocoDataset,
  cocoResults,
} from "./coco-json.js";
export { clippedBox, fromLetterbox, type Letterbox, letterbox, toLetterbox } from "./letterbox.js";
export type { Box, MarkedObject, MarkedPicture } from "./marked-pictures.js";
export type { MarkedPictures, PictureFile } from "./picture-set.js";
