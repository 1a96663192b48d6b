import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const python = fileURLToPath(new URL("../../../../node_modules/.cache/onnx-venv/bin/python", import.meta.url));
const script = fileURLToPath(new URL("../../../graph/src/testing/onnx/checker.py", import.meta.url));

/**
 * Why tests cannot call the official checker here, to be given to vitest's `context.skip`; undefined where they can.
 *
 * @throws Error in CI, where the checker must be there
 */
export function onnxCheckerMissing(): string | undefined {
  if (existsSync(python)) return undefined;
  const reason = "the official ONNX checker is not installed: run scripts/onnx-checker-setup.sh";
  if (process.env.CI) throw new Error(reason);
  console.warn(`skipped, ${reason}`);
  return reason;
}

/** What Python's `onnx.checker.check_model(full_check=True)` has against the models; empty where it accepts them all. */
export function checkWithOnnx(models: readonly Uint8Array[]): string[] {
  const input = Buffer.concat(
    models.flatMap((model) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(model.length);
      return [length, model];
    }),
  );
  const { status, stdout, stderr, error } = spawnSync(python, [script], { input, maxBuffer: 1 << 28 });
  if (error || status !== 0) throw error ?? new Error(`checker.py ended with ${status}: ${stderr}`);
  const complaints = JSON.parse(stdout.toString()) as (string | null)[];
  if (complaints.length !== models.length) throw new Error(`${complaints.length} answers for ${models.length} models`);
  return complaints.flatMap((complaint, i) => (complaint === null ? [] : [`model ${i}: ${complaint}`]));
}
