import { chmod, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  compile,
  gather,
  input,
  mul,
  readNativeModel,
  sum,
  tensor,
  toNumbers,
  trace,
  writeNativeModel,
} from "@innerloop/graph";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compileC, findCompiler } from "./c-compiler.js";
import { compilers } from "./c-compilers.fixture.js";
import { nativeExecutor } from "./native-executor.js";
import { compiledProgram, openNativeSession } from "./native-programs.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-native-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A script that stands for a compiler. */
async function script(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

test("where there is no compiler, none is found; one that answers later in the list is taken", async () => {
  expect(await findCompiler(["no-such-compiler"])).toBeUndefined();
  expect(await findCompiler([await script("silent", "exit 1")])).toBeUndefined();
});

test("a compiler that hangs is stopped", async () => {
  const command = await script("hangs", "exec sleep 60");
  const from = join(folder, "a.c");
  // One file, and one that is compiled in parts.
  for (const text of ["", "\n".repeat(200_000)]) {
    await writeFile(from, text);
    const compiling = compileC({ command, flags: [] }, from, join(folder, "a.node"), 200);
    await expect(compiling).rejects.toThrow("it took more than 0.2 s");
  }
});

describe.runIf(compilers.length > 0)("with a compiler", () => {
  const [, compiler] = compilers[0] ?? [];
  const double = () => {
    const { graph } = trace((x: ReturnType<typeof tensor>) => mul(x, 2), [input([3])]);
    return readNativeModel(writeNativeModel(graph, compiler!.target).bytes)!;
  };
  const types = [{ dtype: "float32", shape: [3] }] as const;
  const open = async (): Promise<string> => compiledProgram(double(), compiler!, join(folder, "programs"));

  test("a program is compiled once, kept for its user alone, and computes", async () => {
    const file = await open();
    const { ino, mode } = await stat(file);
    expect(mode & 0o077).toBe(0);
    expect((await stat(join(folder, "programs"))).mode & 0o777).toBe(0o700);
    expect(await open()).toBe(file);
    expect((await stat(file)).ino).toBe(ino);
    // Nothing else is left behind.
    expect((await readdir(join(folder, "programs"))).map((name) => name.split(".")[1]).sort()).toEqual([
      "node",
      "sha256",
    ]);
    const session = openNativeSession(file, double(), types, types);
    expect(await session.run([Float32Array.of(1, 2, 3)])).toEqual([Float32Array.of(2, 4, 6)]);
    await session.close();
    await expect(session.run([Float32Array.of(1, 2, 3)])).rejects.toMatchObject({ code: "IL403" });
  });

  test("a truncated or changed program is compiled again", async () => {
    const file = await open();
    const whole = await readFile(file);
    await truncate(file, whole.length - 1000);
    await open();
    expect((await readFile(file)).length).toBe(whole.length);
    const changed = Buffer.from(whole);
    changed[changed.length >> 1]! ^= 1;
    await writeFile(file, changed);
    await open();
    expect((await readFile(file)).equals(changed)).toBe(false);
  });

  test("a folder that others can write to is refused", async () => {
    await open();
    await chmod(join(folder, "programs"), 0o777);
    await expect(open()).rejects.toThrow(/^IL403 .*others can write to it/);
  });

  test("a program for another processor has another name", async () => {
    const other = { ...compiler!, key: "another processor" };
    expect(await compiledProgram(double(), other, join(folder, "programs"))).not.toBe(await open());
  });

  test("what the compiler refuses is an IL403 by itself, and runs on onnxruntime where that is wanted", async () => {
    // It answers as the real one does, and compiles nothing.
    const broken = await script(
      "broken",
      `case "$*" in *--version*|*-dM*) exec cc "$@";; esac; echo "error: no room" >&2; exit 1`,
    );
    const found = (await findCompiler([broken]))!;
    const strict = nativeExecutor({ native: { compiler: found } });
    const x = tensor([1, 2, 3]);
    const program = (executor: typeof strict) => compile((a: typeof x) => sum(mul(a, a)), { executor })(x);
    await expect(program(strict)).rejects.toThrow(/^IL403 load: .*broken does not compile a program: error: no room/);
    await strict.close();
    const problems: string[] = [];
    const lenient = nativeExecutor({ native: { compiler: found, onFailure: (problem) => problems.push(problem) } });
    expect(toNumbers(await program(lenient))).toEqual([14]);
    expect(problems).toHaveLength(1);
    await lenient.close();
  });

  test("an index out of range is an IL403", async () => {
    const executor = nativeExecutor({ native: { compiler: compiler! } });
    const take = compile((x: ReturnType<typeof tensor>, at: ReturnType<typeof tensor>) => gather(x, at), { executor });
    const x = tensor([5, 6, 7]);
    expect(toNumbers(await take(x, tensor([2, 0], [2], "int32")))).toEqual([7, 5]);
    await expect(take(x, tensor([3, 0], [2], "int32"))).rejects.toThrow("IL403 run: an index is out of the range");
    await executor.close();
  });
});
