/** What Node can read of marked pictures. */
import { stat } from "node:fs/promises";
import { type PictureIo, UsageError } from "@innerloop/experiments";
import { letterboxedImages } from "./pictures/letterboxed-pixels.js";
import { readMarkedPictures } from "./pictures/marked-pictures.js";

/** Folders and archives of this machine. */
export const machinePictures: PictureIo = {
  markedPictures: async (path, reading, work) => {
    if (await stat(path).catch(() => undefined)) return readMarkedPictures(path, reading, work);
    throw new UsageError(
      `there is no file or folder ${path}`,
      "Give a folder or archive of marked pictures, or a COCO file",
    );
  },
  letterboxedImages,
};
