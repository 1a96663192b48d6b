/** Every reader of outside bytes. `sources.test.ts` finds modules that none of them names. */
import type { Reader } from "../reader.js";
import { archiveReaders } from "./archives.js";
import { arrayReaders } from "./arrays.js";
import { backboneReaders } from "./backbones.js";
import { commandReaders } from "./commands.js";
import { environmentTaskReaders } from "./environment-tasks.js";
import { exportReaders } from "./exports.js";
import { imageReaders } from "./images.js";
import { importReaders } from "./imports.js";
import { markedReaders } from "./marked.js";
import { markedPictureReaders } from "./marked-pictures.js";
import { ratedItemReaders } from "./rated-items.js";
import { ratingBaseReaders } from "./rating-bases.js";
import { ratingReaders } from "./ratings.js";
import { runReaders } from "./runs.js";
import { storedReaders } from "./stored.js";
import { tableReaders } from "./tables.js";
import { textCodingReaders } from "./text-codings.js";
import { textReaders } from "./texts.js";
import { wasmReaders } from "./web-assembly.js";
import { webImageReaders } from "./web-images.js";

export const readers: readonly Reader[] = [
  ...arrayReaders,
  ...tableReaders,
  ...markedReaders,
  ...textReaders,
  ...ratingReaders,
  ...textCodingReaders,
  ...archiveReaders,
  ...imageReaders,
  ...webImageReaders,
  ...markedPictureReaders,
  ...storedReaders,
  ...ratingBaseReaders,
  ...environmentTaskReaders,
  ...runReaders,
  ...exportReaders,
  ...wasmReaders,

  ...importReaders,

  ...ratedItemReaders,

  ...backboneReaders,
  ...commandReaders,
];
