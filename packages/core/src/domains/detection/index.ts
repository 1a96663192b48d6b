/** Entry point "@innerloop/core/detection": marked pictures, detections, and what these are judged by. */
import "../../library-module.js";

export {
  cocoAreas,
  cocoThresholds,
  type DetectionFigureOptions,
  type DetectionFigures,
  detectionFigures,
  type JudgedPicture,
  type PrecisionFigures,
  pooledDetectionFigures,
} from "./average-precision.js";
export type { AreaRange } from "./detection-matching.js";
export type { Detection } from "./detections.js";
export type { Box, MarkedObject, MarkedPicture } from "./marked-pictures.js";
export { nonMaximumSuppression, type SuppressionOptions } from "./non-maximum-suppression.js";
export { boxArea, intersectionOverUnion, overlapWithCrowd, sharedArea } from "./overlap.js";
