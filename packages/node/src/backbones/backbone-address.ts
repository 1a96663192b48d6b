/** Backbones at an address that a user gives: fetched once, told before, kept below the data folder. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { LongWork } from "@innerloop/experiments";
import { cut } from "@innerloop/experiments";
import { DataError, onFile } from "../data/data-error.js";
import { readTarGzip } from "../data/formats/tar-archive.js";
import { defaultZipLimits, withZipArchive } from "../data/formats/zip-archive.js";
import { readingLimits } from "../data/reading-limits.js";
import { readRegularFile } from "../data/regular-file.js";
import { makeFolder } from "../data/store/atomic-write.js";
import { downloadFile } from "../data/store/download.js";
import { dataFolder } from "../data/store/user-folders.js";
import { backboneFiles, backbonesFolder, backbonesHere, sha256Of } from "./backbone-folder.js";
import { parseBackboneSettings } from "./backbone-settings.js";
import { storeBackbone } from "./backbone-store.js";

/** Whether a source is an address, of any kind. */
export const isAddress = (source: string): boolean => /^[a-z][a-z0-9+.-]{1,20}:\/\//i.test(source);

/** Most bytes of each file of a folder. */
const most = {
  settings: readingLimits.backboneSettingsBytes,
  tokenizer: readingLimits.tokenizerBytes,
  model: readingLimits.backboneModelBytes,
} as const;
const mostArchive = most.settings + most.tokenizer + most.model;

/**
 * The folder of a backbone that an address brings: one archive (.zip, .tar.gz, .tgz), or a place with the files of a
 * backbone folder under it. `#sha256=...` behind it is checked: of the archive, or of model.onnx.
 *
 * @throws DataError ILD21 for an address other than https, ILD21 to ILD23 for what cannot be fetched or is another
 */
export async function backboneAt(
  address: string,
  work: LongWork,
): Promise<{ readonly name: string; readonly folder: string }> {
  const refuse = (problem: string): DataError =>
    new DataError("ILD21", cut(address, 200), problem, "Give https://HOST/PATH.zip, or a folder of this machine.");
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw refuse("it is no address");
  }
  if (url.protocol !== "https:") throw refuse("only https says who answers");
  if (url.username !== "" || url.password !== "") throw refuse("it holds a name or password, which would be kept");
  return fetchBackbone(url, work);
}

/** As `backboneAt`, of any protocol that is fetched. */
export async function fetchBackbone(
  address: URL,
  work: LongWork,
): Promise<{ readonly name: string; readonly folder: string }> {
  const [, sha256] = /^#sha256=([0-9a-f]{64})$/.exec(address.hash) ?? [];
  if (address.hash !== "" && sha256 === undefined)
    throw new DataError(
      "ILD23",
      cut(address.href, 200),
      "what follows # is no SHA-256",
      "Write #sha256= and 64 digits.",
    );
  const url = new URL(address);
  url.hash = "";
  // Of another content it is another backbone.
  const name = `address-${sha256Of(`${url.href}#${sha256 ?? ""}`).slice(0, 16)}`;
  const folder = join(backbonesFolder(), name);
  if ((await backbonesHere()).includes(name)) return { name, folder };
  const say = (text: string): void => {
    if (work.onWarning) work.onWarning(text);
    else process.emitWarning(text, "InnerloopFetch");
  };
  say(`A backbone is fetched from ${cut(url.href, 200)}, once.`);
  const downloads = join(dataFolder(), "downloads");
  await makeFolder(downloads);
  const aside = await onFile(downloads, () => mkdtemp(join(downloads, "backbone-")));
  try {
    const archive = archiveEnding(url);
    const files = archive
      ? await fromArchive(url, archive, { aside, sha256, say, work })
      : await fromPlace(url, { aside, sha256, say, work });
    await storeBackbone(name, { ...files, settings: { source: cut(url.href, 1000), ...files.settings } }, work);
    return { name, folder };
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** `.zip` and the like, where the address is that of an archive. */
const archiveEnding = ({ pathname }: URL): string | undefined =>
  [".zip", ".tar.gz", ".tgz"].find((ending) => pathname.toLowerCase().endsWith(ending));

interface Fetching {
  readonly aside: string;
  readonly sha256: string | undefined;
  readonly say: (text: string) => void;
  readonly work: LongWork;
}

const remedy = "Check the address and the network, or fetch the files by hand and give their folder.";

async function fetched(
  url: URL,
  file: string,
  maximumBytes: number,
  { sha256, say, work }: Omit<Fetching, "aside">,
): Promise<string> {
  const { signal, onProgress } = work;
  const found = await downloadFile({
    ...{ url: url.href, file, maximumBytes, remedy, signal, onProgress },
    sha256: sha256 ?? "unknown",
  });
  if (sha256 === undefined)
    say(`The SHA-256 of ${cut(url.href, 200)} is ${found}: #sha256=${found} behind it keeps it the same.`);
  return file;
}

async function fromPlace(place: URL, fetching: Fetching): Promise<ReturnType<typeof filesOf>> {
  const under = (name: string): URL => new URL(name, place.href.endsWith("/") ? place : `${place.href}/`);
  const take = async (name: string, bytes: number, sha256?: string): Promise<Uint8Array> => {
    const file = join(fetching.aside, name);
    await fetched(under(name), file, bytes, { ...fetching, sha256 });
    return readRegularFile(file, { most: bytes, links: "refused" });
  };
  const settings = await take(backboneFiles.settings, most.settings);
  const { kind } = parseBackboneSettings(new TextDecoder().decode(settings), under(backboneFiles.settings).href);
  const tokenizer = kind === "text" ? await take(backboneFiles.tokenizer, most.tokenizer) : undefined;
  const model = await take(backboneFiles.model, most.model, fetching.sha256);
  return filesOf(settings, model, tokenizer, place.href);
}

async function fromArchive(url: URL, ending: string, fetching: Fetching): Promise<ReturnType<typeof filesOf>> {
  const isZip = ending === ".zip";
  const file = await fetched(
    url,
    join(fetching.aside, isZip ? "backbone.zip" : "backbone.tar.gz"),
    mostArchive,
    fetching,
  );
  // A folder in the archive is called as the archive is.
  const last = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  const stem = last.slice(0, -ending.length);
  const places = ["", `${stem}/`];
  const found = new Map<string, Uint8Array>();
  if (isZip) {
    await withZipArchive(
      file,
      async (entries) => {
        for (const [part, name] of Object.entries(backboneFiles)) {
          const entry = entries.find((each) => places.some((place) => each.name === `${place}${name}`));
          if (!entry) continue;
          if (entry.bytes > most[part as keyof typeof most])
            throw new DataError(
              "ILD13",
              `${url.href} > ${name}`,
              `it has ${entry.bytes} bytes`,
              "Is it the right file?",
            );
          found.set(name, await entry.read());
        }
      },
      { ...defaultZipLimits, entryBytes: most.model },
    );
  } else {
    const wanted = Object.entries(backboneFiles).flatMap(([part, name]) =>
      places.map((place): [string, number] => [`${place}${name}`, most[part as keyof typeof most]]),
    );
    for (const [name, bytes] of await readTarGzip(file, new Map(wanted), fetching.work))
      found.set(name.slice(name.lastIndexOf("/") + 1), bytes);
  }
  const [settings, model] = [found.get(backboneFiles.settings), found.get(backboneFiles.model)];
  if (!settings || !model)
    throw new DataError(
      "ILD81",
      url.href,
      `there is no ${settings ? backboneFiles.model : backboneFiles.settings} in the archive, or it lies in a folder of another name than ${stem}`,
      "Put the files at its top.",
    );
  return filesOf(settings, model, found.get(backboneFiles.tokenizer), url.href);
}

function filesOf(settings: Uint8Array, model: Uint8Array, tokenizer: Uint8Array | undefined, where: string) {
  const parsed = parseBackboneSettings(new TextDecoder().decode(settings), where);
  return { settings: { ...parsed } as Readonly<Record<string, unknown>>, model, ...(tokenizer ? { tokenizer } : {}) };
}
