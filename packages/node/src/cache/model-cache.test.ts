import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import {
  add,
  compile,
  type Executor,
  loweringProfiles,
  type ModelStore,
  mul,
  sin,
  type Tensor,
  tensor,
} from "@innerloop/graph";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { onnxruntimeExecutor } from "../executor/onnxruntime-executor.js";
import {
  clearModelCache,
  modelCacheContents,
  modelCacheFolder,
  openModelCache,
  userModelCache,
} from "./model-cache.js";

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "innerloop-cache-")), "models");
});
afterEach(async () => {
  await rm(join(folder, ".."), { recursive: true });
});

const bytesOf = (size: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed * 17) & 255);

async function store(key: string, entry: Uint8Array, limit?: number): Promise<string> {
  const before = new Set(await readdir(folder).catch(() => []));
  const cache = openModelCache(limit === undefined ? { folder } : { folder, limit });
  cache.write(key, entry);
  await cache.idle();
  const [added] = (await readdir(folder)).filter((name) => !before.has(name));
  return join(folder, added ?? "");
}

const read = (key: string): Promise<Uint8Array | undefined> => openModelCache({ folder }).read(key);

describe("the folder", () => {
  test("is INNERLOOP_CACHE, or where the system wants caches", () => {
    const home = homedir();
    expect(modelCacheFolder({ INNERLOOP_CACHE: "/x", XDG_CACHE_HOME: "/cache" }, "linux")).toBe("/x");
    expect(modelCacheFolder({ XDG_CACHE_HOME: "/cache" }, "linux")).toBe("/cache/innerloop/models");
    expect(modelCacheFolder({ XDG_CACHE_HOME: "relative" }, "linux")).toBe(join(home, ".cache/innerloop/models"));
    expect(modelCacheFolder({}, "darwin")).toBe(join(home, "Library/Caches/innerloop/models"));
    expect(modelCacheFolder({ LOCALAPPDATA: "/local" }, "win32")).toBe("/local/innerloop/models");
    expect(modelCacheFolder({ INNERLOOP_CACHE: "off" }, "linux")).toBeUndefined();
  });

  test("is off in these tests, which otherwise would fill the user's", () => {
    expect(process.env.INNERLOOP_CACHE).toBe("off");
    expect(userModelCache()).toBeUndefined();
    expect(onnxruntimeExecutor().models).toBeUndefined();
  });
});

describe("entries", () => {
  test("come back whole, to every process that opens the folder", async () => {
    await store("a", bytesOf(1000, 1));
    await store("b", bytesOf(0, 1));
    expect(new Uint8Array((await read("a"))!)).toEqual(bytesOf(1000, 1));
    expect(await read("b")).toHaveLength(0);
    expect(await read("c")).toBeUndefined();
    await store("a", bytesOf(10, 2));
    expect(new Uint8Array((await read("a"))!)).toEqual(bytesOf(10, 2));
    expect(await modelCacheContents(folder)).toEqual({ folder, entries: 2, bytes: 10 + 40 + 40 });
  });

  test("that are damaged in any way are not read, and are written anew", async () => {
    const entry = bytesOf(500, 3);
    const file = await store("a", entry);
    const whole = await readFile(file);
    const other = await store("b", bytesOf(500, 4));
    const flipped = (at: number): Buffer => Buffer.from(whole.map((byte, i) => (i === at ? byte ^ 1 : byte)));
    const damaged = [
      Buffer.alloc(0),
      ...[1, 7, 39, 40, 41, 539].map((size) => whole.subarray(0, size)),
      Buffer.concat([whole, Buffer.from([0])]),
      Buffer.concat([whole, whole]),
      Buffer.alloc(whole.length),
      // The letters, the format's version, the checksum, the entry.
      ...[0, 7, 8, 39, 40, 300, 539].map(flipped),
      // Another model's entry, whole as it is.
      await readFile(other),
    ];
    for (const bytes of damaged) {
      await writeFile(file, bytes);
      expect(await read("a")).toBeUndefined();
      await store("a", entry);
      expect((await readFile(file)).equals(whole)).toBe(true);
    }
  });

  test("that are no files are not read: folders, links, pipes", async (context) => {
    if (process.platform === "win32") context.skip("Windows has no pipes in folders");
    const file = await store("a", bytesOf(10, 5));
    const kept = join(folder, "kept");
    await rename(file, kept);
    await symlink(kept, file);
    expect(await read("a")).toBeUndefined();
    await rm(file);
    execFileSync("mkfifo", [file]);
    expect(await read("a")).toBeUndefined();
    await rm(file);
    await mkdir(file);
    expect(await read("a")).toBeUndefined();
    // What cannot be replaced stays; nothing fails.
    await store("a", bytesOf(10, 5));
    expect(await read("a")).toBeUndefined();
  });

  test("of another user are not read", async (context) => {
    if (process.getuid?.() !== 0) context.skip("only root can give a file away");
    const file = await store("a", bytesOf(10, 6));
    await chown(file, 12345, 12345);
    expect(await read("a")).toBeUndefined();
  });
});

describe("a disk that cannot be written", () => {
  test("has no entries, and nothing fails", async () => {
    await writeFile(folder, "a file where the folder should be");
    const cache = openModelCache({ folder });
    cache.write("a", bytesOf(10, 1));
    await cache.idle();
    expect(await cache.read("a")).toBeUndefined();
  });

  test("is still read", async (context) => {
    if (process.getuid?.() === 0) context.skip("root may write to every folder");
    await store("a", bytesOf(10, 1));
    await chmod(folder, 0o555);
    try {
      expect(await read("a")).toHaveLength(10);
      const cache = openModelCache({ folder });
      cache.write("b", bytesOf(10, 1));
      await cache.idle();
      expect(await cache.read("b")).toBeUndefined();
    } finally {
      await chmod(folder, 0o755);
    }
  });
});

describe("the limit", () => {
  const limit = 10_000;
  const size = 1000;

  test("removes the entries used longest ago, and nobody else's files", async () => {
    const files: string[] = [];
    for (let i = 0; i < 9; i++) {
      const file = await store(`${i}`, bytesOf(size, i), limit);
      files.push(file);
      await utimes(file, 1000 + i, 1000 + i);
    }
    await writeFile(join(folder, "notes.txt"), Buffer.alloc(5 * limit));
    // The oldest is used once more.
    expect(await read("0")).toHaveLength(size);
    await store("9", bytesOf(size, 9), limit);
    const left = await readdir(folder);
    const kept = files.map((file) => left.includes(file.slice(folder.length + 1)));
    expect(kept).toEqual([true, false, false, true, true, true, true, true, true]);
    expect((await modelCacheContents(folder)).bytes).toBeLessThanOrEqual(limit);
    expect(await read("9")).toHaveLength(size);
    expect((await stat(join(folder, "notes.txt"))).size).toBe(5 * limit);
  });

  test("keeps no entry that would push out many others", async () => {
    const cache = openModelCache({ folder, limit });
    cache.write("large", bytesOf(limit / 8 + 1, 0));
    cache.write("fits", bytesOf(limit / 8, 0));
    await cache.idle();
    expect(await cache.read("large")).toBeUndefined();
    expect(await cache.read("fits")).toHaveLength(limit / 8);
  });

  test("clear removes all entries, and what a killed process left, and nobody else's files", async () => {
    const file = await store("a", bytesOf(size, 1));
    await writeFile(`${file}.partial-12-ab`, "cut short");
    await writeFile(join(folder, "notes.txt"), "mine");
    expect(await clearModelCache(folder)).toEqual({ folder, entries: 2, bytes: size + 40 + 9 });
    expect(await readdir(folder)).toEqual(["notes.txt"]);
    expect(await clearModelCache(join(folder, "nowhere"))).toMatchObject({ entries: 0 });
  });
});

test("processes that write the same entries at once leave whole ones", async () => {
  const built = new URL("../../dist/cache/model-cache.js", import.meta.url).href;
  const script = `
    const { openModelCache } = await import(${JSON.stringify(built)});
    const cache = openModelCache({ folder: process.argv[1], limit: 40_000 });
    for (let round = 0; round < 40; round++) cache.write("key " + round % 3, new Uint8Array(5000).fill(round % 3));
    await cache.idle();
  `;
  const writers = [1, 2, 3].map(() =>
    spawn(process.execPath, ["--input-type=module", "-e", script, folder], { stdio: ["ignore", "inherit", "inherit"] }),
  );
  const ended = Promise.all(writers.map((child) => once(child, "exit")));
  let running = true;
  void ended.then(() => {
    running = false;
  });
  // The built code is what the children run: its entries are its own, read by it in one more child below.
  const check = `
    const { openModelCache } = await import(${JSON.stringify(built)});
    const cache = openModelCache({ folder: process.argv[1], limit: 40_000 });
    const read = async (key) => { const entry = await cache.read("key " + key); return entry && new Set(entry).size === 1 && entry.length === 5000 && entry[0] === key; };
    console.log(JSON.stringify([await read(0), await read(1), await read(2)]));
  `;
  const answers: string[] = [];
  while (running) {
    answers.push(
      execFileSync(process.execPath, ["--input-type=module", "-e", check, folder], { encoding: "utf8" }).trim(),
    );
    await new Promise(setImmediate);
  }
  expect((await ended).map(([code]) => code)).toEqual([0, 0, 0]);
  for (const answer of answers) expect(JSON.parse(answer)).not.toContain(false);
  expect((await readdir(folder)).length).toBe(3);
  expect((await readdir(folder)).every((name) => name.endsWith(".model"))).toBe(true);
});

describe("compiled programs", () => {
  const executors: Executor[] = [];
  const caches: ReturnType<typeof openModelCache>[] = [];
  afterEach(async () => {
    await Promise.all(executors.splice(0).map((executor) => executor.close()));
    // What is still being written would keep the folder from being removed.
    await Promise.all(caches.splice(0).map((cache) => cache.idle()));
  });

  /** What a process has that finds the folder as it is, with the keys and hits that its store saw. */
  function freshProcess() {
    const cache = openModelCache({ folder });
    caches.push(cache);
    const seen: { keys: string[]; hits: number } = { keys: [], hits: 0 };
    const models: ModelStore = {
      async read(key) {
        const entry = await cache.read(key);
        seen.keys.push(key);
        if (entry) seen.hits++;
        return entry;
      },
      write: (key, entry) => cache.write(key, entry),
    };
    const executor: Executor = { ...onnxruntimeExecutor(), models };
    executors.push(executor);
    return { executor, seen, cache };
  }

  const deep = (x: Tensor): Tensor => {
    let y = x;
    for (let i = 0; i < 120; i++) y = sin(add(mul(y, 1.01), i / 7));
    return y;
  };
  const x = tensor([0.1, 0.2, 0.3]);

  test("are the same from the cache: bits, model, estimate, graph", async () => {
    const without: Executor = { ...onnxruntimeExecutor(), models: undefined };
    executors.push(without);
    const expected = await compile(deep, { executor: without })(x);
    const made = await compile(deep, { executor: without }).prepare(x);
    for (const hits of [0, 1]) {
      const { executor, seen, cache } = freshProcess();
      const program = await compile(deep, { executor }).prepare(x);
      expect(seen.hits).toBe(hits);
      expect((await program.run(x)).data).toEqual(expected.data);
      expect(Buffer.compare(program.model, made.model)).toBe(0);
      expect(program.estimate).toEqual(made.estimate);
      expect(program.graph.order).toHaveLength(made.graph.order.length);
      expect(program.hash).toBe(made.hash);
      await cache.idle();
    }
  });

  test("are estimated without being loaded, and then found", async () => {
    const { executor, seen } = freshProcess();
    let loads = 0;
    const counting: Executor = {
      ...executor,
      load(...args) {
        loads++;
        return executor.load(...args);
      },
    };
    const estimate = await compile(deep, { executor: counting }).estimate(x);
    expect(loads).toBe(0);
    const program = await compile(deep, { executor: counting }).prepare(x);
    expect(program.estimate).toEqual(estimate);
    expect({ loads, reads: seen.keys.length }).toEqual({ loads: 1, reads: 1 });
  });

  test("for another kind of executor are others", async () => {
    const { executor, seen } = freshProcess();
    await compile(deep, { executor })(x);
    const profile = loweringProfiles.standard;
    await compile(deep, { executor: { ...executor, profile } })(x);
    expect(new Set(seen.keys).size).toBe(2);
    expect(seen.hits).toBe(0);
  });

  test("of few operations are not looked for", async () => {
    const { executor, seen, cache } = freshProcess();
    await compile((y: Tensor) => mul(y, 2), { executor })(x);
    await cache.idle();
    expect(seen.keys).toEqual([]);
    await expect(readdir(folder)).rejects.toThrow("ENOENT");
  });

  test("are made anew where an entry is whole but holds no model, or no estimate", async () => {
    const first = freshProcess();
    const expected = await compile(deep, { executor: first.executor })(x);
    await first.cache.idle();
    const key = first.seen.keys[0]!;
    const good = (await first.cache.read(key))!;
    const text = Buffer.from(good).toString("latin1");
    const model = text.slice(text.indexOf("\n") + 1);
    const header = JSON.parse(text.slice(0, text.indexOf("\n"))) as Record<string, number>;
    const hostile = [
      "",
      "\n",
      "no line at all",
      `{}\n${model}`,
      `null\n${model}`,
      `[1, 2]\n${model}`,
      `${JSON.stringify({ ...header, peakBytes: "12" })}\n${model}`,
      `${JSON.stringify({ ...header, peakBytes: -1 })}\n${model}`,
      `${JSON.stringify({ ...header, peakBytes: null })}\n${model}`,
      `${JSON.stringify({ ...header, more: 1 })}\n${model}`,
      `${" ".repeat(5000)}${JSON.stringify(header)}\n${model}`,
      `${JSON.stringify(header)}\n`,
      `${JSON.stringify(header)}\n${model.slice(0, 200)}`,
      `${JSON.stringify(header)}\nnot a model`,
    ];
    for (const bytes of hostile) {
      first.cache.write(key, Buffer.from(bytes, "latin1"));
      await first.cache.idle();
      const { executor, seen, cache } = freshProcess();
      expect((await compile(deep, { executor })(x)).data).toEqual(expected.data);
      expect(seen).toEqual({ keys: [key], hits: 1 });
      await cache.idle();
      expect(Buffer.compare((await cache.read(key))!, good)).toBe(0);
    }
  });
});
