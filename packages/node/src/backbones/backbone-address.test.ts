/** Backbones from an address: told first, bounded, checked, whole or not there. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tarOf } from "../data/formats/made-up-tar.fixture.js";
import { backboneAt, fetchBackbone } from "./backbone-address.js";
import { machineEncoders } from "./machine-encoders.js";
import { textModel, tokenizerCases, width } from "./made-up-backbones.fixture.js";

const model = textModel();
const sha256 = createHash("sha256").update(model).digest("hex");
const settings = Buffer.from(JSON.stringify({ pooling: "mean", normalize: true, maxTokens: 16 }));
const tokenizer = Buffer.from(JSON.stringify(tokenizerCases[0].tokenizer));
const files: Readonly<Record<string, Buffer>> = {
  "model.onnx": Buffer.from(model),
  "backbone.json": settings,
  "tokenizer.json": tokenizer,
};
const archive = gzipSync(
  tarOf(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`tiny/${name}`, bytes]))),
);

let folder: string;
let server: Server;
let at: string;
let served: Readonly<Record<string, Buffer>>;
const asked: string[] = [];
const told: string[] = [];
const work = { onWarning: (text: string) => told.push(text) };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-address-"));
  vi.stubEnv("INNERLOOP_DATA", folder);
  asked.length = 0;
  told.length = 0;
  served = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`/tiny/${name}`, bytes]));
  server = createServer((request, response) => {
    asked.push(request.url!);
    const bytes = served[request.url!];
    if (bytes) response.end(bytes);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

/** Nothing but what is listed; downloads are gone. */
const here = async (): Promise<readonly string[]> => {
  const names = await readdir(join(folder, "backbones")).catch(() => []);
  expect(await readdir(join(folder, "downloads")).catch(() => [])).toEqual([]);
  return names;
};

describe("an address", () => {
  it("of a place brings the files under it once, and says what it brings and its hash", async () => {
    const url = new URL(`${at}/tiny#sha256=${sha256}`);
    const found = await fetchBackbone(url, work);
    expect(told[0]).toBe(`A backbone is fetched from ${at}/tiny, once.`);
    expect(asked).toEqual(["/tiny/backbone.json", "/tiny/tokenizer.json", "/tiny/model.onnx"]);
    expect(await fetchBackbone(url, work)).toEqual(found);
    expect(asked).toHaveLength(3);
    expect(await here()).toEqual([found.name]);
    const backbone = await machineEncoders.textBackbone(found.folder, {});
    expect(backbone).toMatchObject({ features: width, source: `${at}/tiny` });
    await backbone.close();
  });

  it("of an archive brings what is in it, and its hash is told", async () => {
    served = { "/tiny.tar.gz": archive };
    const { name } = await fetchBackbone(new URL(`${at}/tiny.tar.gz`), work);
    expect(await here()).toEqual([name]);
    expect(told[1]).toContain(`#sha256=${createHash("sha256").update(archive).digest("hex")}`);
  });

  it("leaves nothing of what is another, not whole or no encoder", async () => {
    await expect(fetchBackbone(new URL(`${at}/tiny#sha256=${"0".repeat(64)}`), work)).rejects.toThrow(/ILD23 .*sha256/);
    expect(await here()).toEqual([]);
    served = { ...served, "/tiny/model.onnx": Buffer.from(model.subarray(0, 60)) };
    await expect(fetchBackbone(new URL(`${at}/tiny`), work)).rejects.toThrow(/ILD81/);
    served = { "/tiny.tar.gz": archive.subarray(0, 500) };
    await expect(fetchBackbone(new URL(`${at}/tiny.tar.gz`), work)).rejects.toThrow(/ILD11/);
    served = { "/other.tar.gz": archive };
    await expect(fetchBackbone(new URL(`${at}/other.tar.gz`), work)).rejects.toThrow(
      /no backbone\.json in the archive/,
    );
    expect(await here()).toEqual([]);
  });

  it.each([
    ["http://example.org/x.zip", /only https/],
    ["ftp://example.org/x", /only https/],
    ["https://me:secret@example.org/x", /holds a name or password/],
    ["https://", /it is no address/],
    ["https://example.org/x#sha256=1", /what follows # is no SHA-256/],
  ])("is refused before anything is asked: %s", async (address, expected) => {
    await expect(backboneAt(address, work)).rejects.toThrow(expected);
    await expect(machineEncoders.textBackbone(address, work)).rejects.toThrow(expected);
    expect(told).toEqual([]);
  });
});
