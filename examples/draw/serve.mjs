// node examples/draw/serve.mjs [PORT]: serves this folder's page, and the packages that it takes from node_modules. Any server
// of files does, whose root has node_modules in it.
import { readFile, realpath } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const port = Number(process.argv[2] ?? 8080);
const root = await realpath(fileURLToPath(new URL("../..", import.meta.url)));
const types = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
};

/** Paths of what is served: nothing else of the folder is. */
const isServed = (path) => /^\/(examples\/draw|node_modules)\/[\w@./-]+$/.test(path) && !path.includes("..");

createServer(async ({ url }, response) => {
  const { pathname } = new URL(url, "http://page");
  if (pathname === "/") return response.writeHead(302, { Location: "/examples/draw/index.html" }).end();
  if (pathname === "/favicon.ico") return response.writeHead(204).end();
  try {
    if (!isServed(pathname)) throw new Error("not served");
    const file = await realpath(join(root, pathname));
    if (!file.startsWith(root + sep)) throw new Error("not below the root");
    const body = await readFile(file);
    response.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream" }).end(body);
  } catch {
    response.writeHead(404).end("there is no such file");
  }
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/`));
