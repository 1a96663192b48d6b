/** What boxes are to programs of detection, and back, in Python: lines of a model card. */
import type { ObjectAnswers } from "./object-kind.js";

/** Lines that define `maps`, from marked boxes, and `found`, from predictions. */
export const pythonDefinitions = ({ ways, stride, least }: ObjectAnswers, cells: number): readonly string[] => [
  `CELLS, STRIDE, CLASSES = ${cells}, ${stride}, ${ways}`,
  "",
  "def maps(objects):  # [(x, y, width, height, class), ...] in pixels of the square",
  "    made = np.zeros((CELLS, CELLS, CLASSES + 8), np.float32)",
  "    made[..., -1] = 1",
  "    rows, columns = np.mgrid[:CELLS, :CELLS]",
  "    claims = []",
  "    for place, (x, y, w, h, label) in enumerate(objects):",
  "        l, t, r, b = x / STRIDE, y / STRIDE, (x + w) / STRIDE, (y + h) / STRIDE",
  "        i, j = int((y + h / 2) // STRIDE), int((x + w / 2) // STRIDE)",
  "        s = max(0.7, min(r - l, b - t) / 6)",
  "        near = np.exp(-((rows - i) ** 2 + (columns - j) ** 2) / (2 * s * s))",
  "        made[..., 0] = np.maximum(made[..., 0], near)",
  "        for p in range(max(0, i - 1), min(CELLS, i + 2)):",
  "            for q in range(max(0, j - 1), min(CELLS, j + 2)):",
  "                reaches = np.array([q + 0.5 - l, p + 0.5 - t, r - q - 0.5, b - p - 0.5])",
  "                far = (p - i) ** 2 + (q - j) ** 2",
  "                claims.append((-far, -w * h, -place, p, q, label, reaches))",
  "    # Of several objects the nearest owns a cell, of these the smallest, of these the first.",
  "    for far, _, _, p, q, label, reaches in sorted(claims, key=lambda claim: claim[:3]):",
  "        made[p, q, 2:-1] = 0",
  "        made[p, q, 2 + label] = 1",
  "        if far == 0:",
  "            made[p, q, 1] = 1",
  "            reaches = np.maximum(reaches, 1 / 8)",
  "        if reaches.min() > 0:",
  "            made[p, q, CLASSES + 3:-1] = reaches",
  "    return made",
  "",
  "def found(objectness, names, box):  # [(probability, class, x, y, width, height), ...] in pixels of the square",
  "    shares = np.exp(names - names.max(axis=-1, keepdims=True))",
  "    shares /= shares.sum(axis=-1, keepdims=True)",
  "    sure = shares[..., :-1] / (1 + np.exp(-objectness))[..., None]",
  "    padded = np.pad(objectness, 1, constant_values=-np.inf)",
  "    around = [padded[i:i + CELLS, j:j + CELLS] for i in range(3) for j in range(3)]",
  "    objects = []",
  "    for i, j in np.argwhere(objectness >= np.max(around, axis=0)):",
  "        l, t, r, b = box[i, j]",
  "        x, y = max(0, j + 0.5 - l) * STRIDE, max(0, i + 0.5 - t) * STRIDE",
  "        w, h = min(CELLS, j + 0.5 + r) * STRIDE - x, min(CELLS, i + 0.5 + b) * STRIDE - y",
  `        objects += [(sure[i, j, label], label, x, y, w, h) for label in np.flatnonzero(sure[i, j] > ${least})]`,
  "    return sorted(objects, reverse=True)",
  "",
];

/** Lines that show what was found in the first picture. */
export const pythonAnswers: readonly string[] = [
  'print(found(*(answers[name][0] for name in ("objectness", "names", "box"))))',
];
