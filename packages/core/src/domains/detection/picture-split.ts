/** The pictures of a set that are trained on, validated on and tested on. */
import { nameHash } from "../../random/name-hash.js";
import type { Split } from "../../tasks/task.js";
import type { PictureFile } from "./picture-set.js";

/**
 * The parts of a set of marked pictures: those that it names; of one that names no test pictures a fifth is tested on, of one
 * that names none for validation a fifth of what is left. Which ones, hashes of their paths decide: the same wherever they
 * are, and whatever is added to them.
 */
export function splitPictures(pictures: readonly PictureFile[]): Readonly<Record<Split, readonly PictureFile[]>> {
  const named = (part: Split): boolean => pictures.some((picture) => picture.part === part);
  const [hasTest, hasValidation] = [named("test"), named("validation")];
  const partOf = ({ part, path }: PictureFile): Split => {
    if (part === "test" || part === "validation") return part;
    const share = nameHash(path) / 2 ** 32;
    if (!hasTest && share < 0.2) return "test";
    return !hasValidation && (hasTest ? share < 0.2 : share < 0.36) ? "validation" : "train";
  };
  const of = (part: Split): readonly PictureFile[] => pictures.filter((picture) => partOf(picture) === part);
  return { train: of("train"), validation: of("validation"), test: of("test") };
}
