/** What Node can read of single images: files of users, and bytes that a program has. What decodes is loaded with the first. */
import type { ExportedIo } from "@innerloop/experiments/exported";

/** Image files and bytes of images. */
export const machineImages: ExportedIo = {
  images: async (paths, { size: [height, width], channels, pixels }) => {
    const { imagePaths, readImageFile } = await import("./images/image-files.js");
    const files = await imagePaths(paths);
    return Promise.all(
      files.map(async (name) => ({ name, bytes: await readImageFile(name, [height, width, channels], pixels) })),
    );
  },
  decoded: async (images, { size, channels, pixels }) => {
    const { decodeImage, formatsRead } = await import("./images/image-decoding.js");
    return Promise.all(
      images.map(async (bytes, i) => {
        const where = `image ${i + 1}`;
        const source = { where, bytes: bytes.length, read: async () => bytes };
        const remedy = `Give a file of one of the formats ${formatsRead}.`;
        return (await decodeImage(source, { size, channels, pixels }, remedy)).pixels;
      }),
    );
  },
  letterboxedImages: async (...given) => {
    const { letterboxedImages } = await import("./pictures/letterboxed-pixels.js");
    return letterboxedImages(...given);
  },
};
