/** So little in an image may be what coding it lost of nothing. */
const mostSpreadOfBlank = 2;

/** True where all pixels of an image have one colour. */
export function isBlank(pixels: ArrayLike<number>, channels: number): boolean {
  for (let channel = 0; channel < channels; channel++) {
    let [least, most] = [pixels[channel]!, pixels[channel]!];
    for (let i = channel; i < pixels.length; i += channels) {
      least = Math.min(least, pixels[i]!);
      most = Math.max(most, pixels[i]!);
      if (most - least > mostSpreadOfBlank) return false;
    }
  }
  return true;
}
