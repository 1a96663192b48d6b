/** Entry point "@innerloop/core/detection": marked pictures, detections, and what these are judged by. */
import "../../library-module.js";

export { boxWays, type CellPrototypesOptions, cellPrototypes } from "../../learners/detection/cell-prototypes.js";
export { detectorModel } from "../../learners/detection/detector-model.js";
export {
  type CellNetworkOptions,
  cellNetwork,
  type DetectorFeatures,
  type DetectorNetwork,
  type DetectorNetworkOptions,
  detectorNetwork,
} from "../../learners/detection/detector-network.js";
export { type PrototypeDetectorOptions, prototypeDetector } from "../../learners/detection/prototype-detector.js";
export { type DetectionMaps, detectionLossOf, detectionTerms } from "../../losses/detection.js";
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
export {
  type CocoAnnotation,
  type CocoBox,
  type CocoDataset,
  type CocoResult,
  cocoDataset,
  cocoResults,
} from "./coco-json.js";
export {
  type DecodingOptions,
  decodedDetections,
  decodedObjects,
  type PictureMaps,
  usualDecoding,
} from "./decoded-detections.js";
export { type DetectionChannels, type DetectionGrid, detectionChannels, detectionMaps } from "./detection-maps.js";
export type { AreaRange } from "./detection-matching.js";
export { detectionLoss, detectionsIn, type FoundTargets, foundLoss } from "./detection-metrics.js";
export type { Detection } from "./detections.js";
export { clippedBox, fromLetterbox, type Letterbox, letterbox, toLetterbox } from "./letterbox.js";
export type { Box, MarkedObject, MarkedPicture } from "./marked-pictures.js";
export { nonMaximumSuppression, type SuppressionOptions } from "./non-maximum-suppression.js";
export { boxArea, intersectionOverUnion, overlapWithCrowd, sharedArea } from "./overlap.js";
export {
  type PictureEpisodeOptions,
  pictureEpisodes,
  type SeenPicture,
  type SeenPictures,
} from "./picture-episodes.js";
export type { MarkedPictures, PictureFile } from "./picture-set.js";
export { splitPictures } from "./picture-split.js";
export { boxesOf, boxRows, type DetectionTargets, type SceneEpisodeOptions, sceneEpisodes } from "./scene-episodes.js";
export { type SceneOptions, sceneGenerator, sceneLevels } from "./scenes.js";
export {
  type GreyPicture,
  type MarkedGrey,
  type TemplateMatchingOptions,
  templateMatching,
} from "./template-matching.js";
export { templateMatchingRow } from "./template-matching-row.js";
