/** Files of our own that may have been damaged, or come from elsewhere: data sets, models, downloads. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { basename } from "node:path";
import { openModelCache } from "../../../packages/node/dist/cache/model-cache.js";
import { readDatasetFile, readDatasetHeader } from "../../../packages/node/dist/data/store/dataset-file.js";
import { listDatasets, loadDataset, verifyDataset } from "../../../packages/node/dist/data/store/dataset-store.js";
import { downloadFile } from "../../../packages/node/dist/data/store/download.js";
import { datasetFrame, headerMutation, sealMutation } from "../formats/framed-json.js";
import { joined, type Mutation, textMutations } from "../mutations.js";
import { type Place, type Reader, WrongResult } from "../reader.js";
import { checkExamples, requireCode } from "./checked.js";
import { storedExamples } from "./images.js";

const datasetReader: Reader = {
  name: "stored data set",
  reads: "a data set of the store",
  sources: ["node/src/data/store/dataset-file.ts", "node/src/data/store/dataset-store.ts"],
  weight: 2,
  seeds: storedExamples,
  mutations: [headerMutation(datasetFrame), headerMutation(datasetFrame), sealMutation(datasetFrame)],
  words: ["uint8", "float32", "exampleShape", "classes", "count", "split", "train", "source", "kind"],
  async run(input, place) {
    const folder = place.path("data");
    const file = place.put("data/images.examples", input);
    await listDatasets({ folder });
    await readDatasetHeader(file).catch(requireCode);
    checkExamples((await readDatasetFile(file)).examples);
    await verifyDataset("images", { folder });
    checkExamples(await loadDataset("images", { folder }));
  },
};

const modelMagic = new TextEncoder().encode("ILMODEL\x01");

/** An entry is of its file's name: the checksum is made when it is put in its place. */
const entryMutation: Mutation = (bytes, { random }) =>
  random.chance(0.8) ? joined(modelMagic, new Uint8Array(32), bytes.subarray(40)) : undefined;

const modelReader: Reader = {
  name: "model cache",
  reads: "an entry of the cache of models",
  sources: ["node/src/cache/model-cache.ts"],
  seeds: () => [joined(modelMagic, new Uint8Array(32), new TextEncoder().encode('{"operations":1}\nmodel'))],
  mutations: [entryMutation],
  async run(input, place) {
    const folder = place.path("models");
    const cache = openModelCache({ folder });
    await place.once("models", async () => {
      mkdirSync(folder, { recursive: true });
      cache.write("key", new Uint8Array(3));
      await cache.idle();
    });
    const [name = ""] = readdirSync(folder);
    // A sum of zeros stands for the right one.
    const isSealed = input.length >= 40 && input.subarray(8, 40).every((byte) => byte === 0);
    const sum = createHash("sha256").update(basename(name)).update(input.subarray(40)).digest();
    place.put(`models/${name}`, isSealed ? joined(input.subarray(0, 8), sum, input.subarray(40)) : input);
    const entry = await cache.read("key");
    if (entry && !isSealed && input.length > 40 && !readFileSync(place.path("models", name)).subarray(40).equals(entry))
      throw new WrongResult("an entry that is not the one in the file");
  },
};

/** A server that answers with the bytes it is given, whatever they are. */
interface RawServer {
  readonly server: Server;
  readonly port: number;
  answer: Uint8Array;
}

let serving: Promise<RawServer> | undefined;

function rawServer(): Promise<RawServer> {
  return new Promise((resolve) => {
    const raw: { answer: Uint8Array } = { answer: new Uint8Array(0) };
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.end(raw.answer));
    });
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(Object.assign(raw, { server, port: typeof address === "object" ? address!.port : 0 }));
    });
  });
}

const body = new TextEncoder().encode("0123456789");
const reply = (...lines: readonly string[]): Uint8Array =>
  joined(new TextEncoder().encode([...lines, "", ""].join("\r\n")), body);

const downloadReader: Reader = {
  name: "download",
  reads: "what a server answers",
  sources: ["node/src/data/store/download.ts"],
  weight: 0.2,
  seeds: () => [
    reply("HTTP/1.1 200 OK", "Content-Length: 10", "Connection: close"),
    reply("HTTP/1.1 200 OK", "Connection: close"),
    reply("HTTP/1.1 404 Not Found", "Content-Length: 10", "Connection: close"),
    joined(
      reply("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Connection: close").subarray(0, -10),
      new TextEncoder().encode("a\r\n0123456789\r\n0\r\n\r\n"),
    ),
    reply("HTTP/1.1 302 Found", "Location: /x", "Content-Length: 10", "Connection: close"),
  ],
  mutations: textMutations,
  words: [
    "HTTP/1.1 ",
    "200",
    "100 Continue",
    "301",
    "Content-Length: ",
    "Content-Encoding: gzip",
    "Transfer-Encoding: chunked",
    "\r\n",
    "\r\n\r\n",
    "Location: http://127.0.0.1/",
  ],
  async run(input, place) {
    serving ??= rawServer();
    const raw = await serving;
    raw.answer = input;
    await fetched(raw.port, place);
  },
};

async function fetched(port: number, place: Place): Promise<void> {
  const md5 = createHash("md5").update(body).digest("hex");
  const file = place.path("downloads", "x.bin");
  mkdirSync(place.path("downloads"), { recursive: true });
  await downloadFile({
    url: `http://127.0.0.1:${port}/x.bin`,
    file,
    md5,
    maximumBytes: 1000,
    idleTimeoutMs: 1000,
    remedy: "Try again.",
  });
  const found = readFileSync(file);
  place.put("downloads/x.bin", "");
  if (!found.equals(body)) throw new WrongResult("a download with another checksum was kept");
}

export const storedReaders: readonly Reader[] = [datasetReader, modelReader, downloadReader];
