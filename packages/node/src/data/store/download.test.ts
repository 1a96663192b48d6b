import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createRawServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type DownloadOptions, downloadFile } from "./download.js";

const contents = Buffer.from("the official archive ".repeat(1000));
const md5 = createHash("md5").update(contents).digest("hex");
const remedy = "Check the network.";
let folder: string;
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-download-"));
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  await rm(folder, { recursive: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/archive.zip`;
}

const fetchTo = (url: string, options: Partial<Extract<DownloadOptions, { readonly md5: string }>> = {}) =>
  downloadFile({ url, file: join(folder, "archive.zip"), md5, maximumBytes: 10 ** 6, remedy, ...options });

describe("downloadFile", () => {
  it("stores a file with the right md5, and does not fetch it again", async () => {
    let requests = 0;
    const url = await serve((_, response) => {
      requests++;
      response.end(contents);
    });
    const seen: number[] = [];
    await fetchTo(url, { onProgress: (done) => seen.push(done) });
    await fetchTo(url);
    expect(requests).toBe(1);
    expect(seen.at(-1)).toBe(contents.length);
    expect(await readFile(join(folder, "archive.zip"))).toEqual(contents);
    expect(await readdir(folder)).toEqual(["archive.zip"]);
  });

  it.each<[string, string, RegExp, RequestListener]>([
    ["another md5", "ILD23", /expected/, (_, response) => response.end("something else")],
    ["a status", "ILD21", /answered 404/, (_, response) => response.writeHead(404).end()],
    ["a declared length", "ILD22", /2000000 bytes/, (_, response) => response.end(Buffer.alloc(2_000_000))],
    [
      "an undeclared length",
      "ILD22",
      /at most 1000000/,
      (_, response) => {
        for (let i = 0; i < 20; i++) response.write(Buffer.alloc(100_000));
        response.end();
      },
    ],
    [
      "a connection that breaks",
      "ILD21",
      /download failed/,
      (_, response) => {
        response.writeHead(200, { "content-length": contents.length });
        response.write(contents.subarray(0, 1000), () => response.destroy());
      },
    ],
  ])("keeps nothing after %s", async (_, code, message, listener) => {
    const url = await serve(listener);
    const failure = await fetchTo(url).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await readdir(folder)).toEqual([]);
  });

  it("follows redirects, though not for ever, and not away from HTTP", async () => {
    const url = await serve(({ url: path }, response) => {
      const to = path === "/archive.zip" ? "/moved?to=1" : path === "/round" ? "/round" : "file:///etc/hosts";
      if (path === "/moved?to=1") response.end(contents);
      else response.writeHead(302, { location: to }).end();
    });
    await fetchTo(url);
    expect(await readFile(join(folder, "archive.zip"))).toEqual(contents);
    await expect(fetchTo(url.replace("archive.zip", "round"), { md5: "0" })).rejects.toThrow(
      /ILD21 .*more than 5 times/,
    );
    await expect(fetchTo(url.replace("archive.zip", "away"), { md5: "0" })).rejects.toThrow(/ILD21 .*file:/);
  });

  it("refuses answers that are no HTTP, which some clients end the process at", async () => {
    const answers = [
      "",
      "not HTTP\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r",
    ];
    for (const answer of [...answers, `${answers[2]}${"a".repeat(5000)}`]) {
      const raw = createRawServer((socket) => socket.on("error", () => undefined).end(answer));
      await new Promise<void>((resolve) => raw.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(raw.address() as AddressInfo).port}/archive.zip`;
      await expect(fetchTo(url)).rejects.toThrow(/^ILD21 /);
      raw.close();
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it("gives up when nothing arrives, and when it is stopped", async () => {
    const url = await serve((_, response) => response.write("only this"));
    await expect(fetchTo(url, { idleTimeoutMs: 50 })).rejects.toThrow(/ILD21 .*nothing arrived for 0.05 s/);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("stopped by the test")), 50);
    await expect(fetchTo(url, { signal: controller.signal })).rejects.toThrow("stopped by the test");
    expect(await readdir(folder)).toEqual([]);
  });

  it("names the address and the remedy when there is no network", async () => {
    await expect(fetchTo("http://127.0.0.1:9/archive.zip")).rejects.toThrow(/ILD21 http:.*archive\.zip.*Check the net/);
  });
});
