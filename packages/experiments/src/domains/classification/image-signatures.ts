/** Image files, told by their first bytes. */
const text = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));

/**
 * Whether bytes begin as a file of PNG, JPEG, WebP, GIF, TIFF, AVIF or HEIC does. Pixels of an example hardly ever do.
 *
 * @example isImageFile(await readFile("cat.png")) // true
 */
export function isImageFile(bytes: Uint8Array): boolean {
  const head = text(bytes, 0, 12);
  return (
    ["\x89PNG\r\n\x1a\n", "\xff\xd8\xff", "GIF87a", "GIF89a", "II*\0", "MM\0*"].some((start) =>
      head.startsWith(start),
    ) ||
    (head.startsWith("RIFF") && head.endsWith("WEBP")) ||
    head.slice(4, 8) === "ftyp"
  );
}
