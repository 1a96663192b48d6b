/** The model files of this package, which MuJoCo reads. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { EnvironmentError } from "@innerloop/core/reinforcement";
import { type Body, bodies } from "./bodies.js";

/**
 * The text of a body's model.
 *
 * @throws EnvironmentError ILE101 where the file is not the one that results are for
 */
export function readModel(body: Body): string {
  const { file, sha256 } = bodies[body];
  const text = readFileSync(new URL(`../models/${file}`, import.meta.url));
  const found = createHash("sha256").update(text).digest("hex");
  if (found === sha256) return text.toString("utf8");
  const problem = `models/${file} is not the file that the package was made with: its sha256 is ${found}`;
  throw new EnvironmentError("ILE101", { environment: body }, problem, "Install @innerloop/mujoco again");
}
