import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compilers } from "../executor/native/c-compilers.fixture.js";

const bin = fileURLToPath(new URL("../../bin/innerloop.js", import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-engine-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Said {
  readonly code: number;
  readonly text: string;
}

/** @param compiler what CC is, where it is not the machine's */
const innerloop = (args: string, compiler?: string): Promise<Said> =>
  new Promise((resolve) => {
    const env = {
      ...process.env,
      INNERLOOP_DATA: join(folder, "data"),
      INNERLOOP_CACHE: join(folder, "cache"),
      NO_COLOR: "1",
      ...(compiler === undefined ? {} : { CC: compiler }),
    };
    execFile(process.execPath, [bin, ...args.split(" ")], { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, text: `${stdout}\n${stderr}` }),
    );
  });
const recorded = async (run: string): Promise<string> =>
  (JSON.parse(await readFile(join(folder, run, "config.json"), "utf8")) as { config: { training: { engine: string } } })
    .config.training.engine;
const short = "train sinusoid --iterations 20 --validate-every 0 --skip-evaluation --workers 1 --checkpoint-every 10";
/** Would take minutes, but nothing gets better at this rate: it stops after a few updates. */
const long =
  "train sinusoid --iterations 70000 --outer-rate 1e-30 --validate-every 1 --validation-tasks 2 --patience 2 --skip-evaluation --workers 1";

describe("--engine", () => {
  test("is onnxruntime for what is over soon, with or without a compiler", async () => {
    for (const compiler of [undefined, "no-such-compiler"]) {
      const { code, text } = await innerloop(`${short} --run short-${compiler}`, compiler);
      expect(code, text).toBe(0);
      expect(text).not.toMatch(/No C compiler|engine native/);
      expect(await recorded(`short-${compiler}`)).toBe("onnxruntime");
    }
  });

  test("is onnxruntime without a compiler, which a long training says and records; native is refused", async () => {
    const auto = await innerloop(`${long} --run by-auto`, "no-such-compiler");
    expect(auto.code, auto.text).toBe(0);
    expect(auto.text.match(/No C compiler \(no-such-compiler\): onnxruntime computes; /g)).toHaveLength(1);
    expect(auto.text).toContain("Stopped early");
    expect(await recorded("by-auto")).toBe("onnxruntime");
    const native = await innerloop(`${short} --engine native --run by-native`, "no-such-compiler");
    expect(native.code).not.toBe(0);
    expect(native.text).toMatch(/IL404 .*there is no C compiler \(no-such-compiler\)\. Install gcc or clang/);
  });

  describe.runIf(compilers.length > 0)("with a compiler", () => {
    test("is native for a long training, recorded with the compiler", async () => {
      const auto = await innerloop(`${long} --run long`);
      expect(auto.code, auto.text).toBe(0);
      expect(auto.text).toContain("engine native");
      expect(await recorded("long")).toBe("native");
      const { versions } = JSON.parse(await readFile(join(folder, "long", "config.json"), "utf8")) as {
        versions: Readonly<Record<string, string>>;
      };
      expect(versions.compiler).toMatch(/\d+\.\d+/);
    });

    test("is the run's own where it is gone on with, unless another is asked for", async () => {
      const native = await innerloop(`${short} --engine native --run compiled`);
      expect(native.code, native.text).toBe(0);
      const more = await innerloop("train --resume compiled --iterations 30 --skip-evaluation");
      expect(more.code, more.text).toBe(0);
      // Not without the compiler that it needs, unless another engine is asked for, which is said.
      const resume = "train --resume compiled --iterations 40 --skip-evaluation";
      const without = await innerloop(resume, "no-such-compiler");
      expect(without.code).not.toBe(0);
      expect(without.text).toMatch(/IL404 .* use --engine onnxruntime/);
      const other = await innerloop(`${resume} --engine onnxruntime`, "no-such-compiler");
      expect(other.code, other.text).toBe(0);
      expect(other.text).toContain("engine onnxruntime from here on, native before");
      const back = await innerloop("train --resume compiled --iterations 50 --skip-evaluation --engine auto");
      expect(back.code, back.text).toBe(0);
      expect(await recorded("compiled")).toBe("native");
      const evaluated = await innerloop(
        "eval compiled --eval-tasks 20 --skip-baselines --eval-steps 0,1 --engine native",
      );
      expect(evaluated.code, evaluated.text).toBe(0);
    });
  });
});
