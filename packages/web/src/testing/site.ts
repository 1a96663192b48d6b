/** For tests: a static server without a build step, as people have them. */
import { createHash } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, sep } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
  ".json": "application/json",
  ".png": "image/png",
  ".jpg": "image/jpeg",
};

/** What a site serves beside the files below its folder, by paths. */
export type Routes = Readonly<Record<string, string | Uint8Array>>;

export interface Site {
  readonly origin: string;
  /** Paths that were asked for, in order. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** Headers of a page that may use threads. */
export const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
} as const;

/** The policy of docs: nothing is evaluated from text, and nobody else is asked. `scripts` are those written in the page. */
export function policyWith(...scripts: readonly string[]): Readonly<Record<string, string>> {
  const hashes = scripts.map((script) => ` 'sha256-${createHash("sha256").update(script).digest("base64")}'`).join("");
  return {
    "Content-Security-Policy": `script-src 'self' 'wasm-unsafe-eval'${hashes}; worker-src 'self' blob:; connect-src 'self'`,
  };
}

/** Serves a folder and some routes on a free port of this machine, with headers on all of it. */
export async function startSite(
  folder: string,
  { headers = {}, routes = {} }: { headers?: Readonly<Record<string, string>>; routes?: Routes } = {},
): Promise<Site> {
  const root = await realpath(folder);
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://site").pathname);
    asked.push(path);
    const send = (status: number, body: string | Uint8Array): void => {
      response.writeHead(status, { ...headers, "Content-Type": types[extname(path)] ?? "application/octet-stream" });
      response.end(body);
    };
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    // Browsers ask for an icon by themselves.
    if (path === "/favicon.ico") send(204, "");
    else if (route !== undefined) send(200, route);
    else
      fileBelow(root, path).then(
        (body) => send(200, body),
        () => send(404, "there is no such file"),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function fileBelow(root: string, path: string): Promise<Uint8Array> {
  const file = await realpath(join(root, path));
  if (!file.startsWith(root + sep)) throw new Error(`${path} is not below ${root}`);
  return readFile(file);
}
