import { stat } from "node:fs/promises";
import { type ClassificationValues, type Flags, flagOf, flagTable, UsageError } from "@innerloop/experiments";
import { isArrayName } from "../../data/images/array-examples.js";
import { isArchiveName } from "../../data/images/image-tree.js";
import { knownSet } from "../../data/sets/registry.js";
import {
  type DatasetInfo,
  type DatasetListing,
  dataFolder,
  getDataset,
  type ImportSource,
  importDataset,
  listDatasets,
  verifyDataset,
} from "../../data/store/dataset-store.js";
import type { StoredCount } from "../../data/store/stored-kind.js";
import { countsOf } from "../../data/store/stored-kinds.js";
import { isTableName } from "../../data/tables/table-file.js";
import { isMarkedName } from "../../data/texts/marked/marked-files.js";
import { isFolderOfTexts } from "../../data/texts/text-folder.js";
import { Interrupted } from "../cli-error.js";
import { commandName, commandText } from "../command-name.js";
import { watchInterruption } from "../interruption.js";
import type { Output } from "../output.js";
import { bytes, columns, count, counted, hanging, roomIn } from "../terminal.js";
import { keeperOfKnown, keeperWhere, keptThings } from "./kept-things.js";
import type { InvocationOptions } from "./registry.js";

export async function dataListCommand(output: Output): Promise<void> {
  const listings = await listDatasets();
  for (const listing of listings) output.event({ type: "data", ...listing });
  const kept = await Promise.all(keptThings.map((each) => each.rows(output)));
  const rows = [...listings.map(rowOf), ...kept.flat()];
  const width = Math.max(12, ...rows.map(([name]) => name.length));
  output.result(
    rows
      .map(
        ([name, state, text]) =>
          `  ${name.padEnd(width)} ${paintState(output, state.padEnd(9))} ${hanging(text, roomIn(), width + 13)}`,
      )
      .join("\n"),
  );
  output.say();
  output.say(output.paint("dim", `  kept in ${dataFolder()} (INNERLOOP_DATA sets another folder)`));
}

function rowOf(listing: DatasetListing): [name: string, state: string, text: string] {
  switch (listing.state) {
    case "ready":
      return [listing.name, "ready", contentsOf(listing.info)];
    case "prepared on first use":
      return [listing.name, "built in", "prepared on first use, without network"];
    case "fetched on first use":
      return [listing.name, "optional", "fetched on first use, by npm from its registry"];
    case "not here":
      return [listing.name, "not here", listing.remedy];
    case "damaged":
      return [listing.name, "damaged", listing.problem];
  }
}

const contentsOf = (info: DatasetInfo): string =>
  [...countsOf(info).map(countText), `${bytes(info.fileBytes)}${partly(info)}`, ...originOf(info)].join(", ");

/** `150 classes (64 train, 16 validation, 20 test)`, `60,000 examples of 28 x 28 x 1`. */
function countText({ count: number, one, many, of = [], shape }: StoredCount): string {
  const parts = of.map(([part, what]) => `${count(part)} ${what}`).join(", ");
  return `${counted(number, one, many)}${parts === "" ? "" : ` (${parts})`}${shape === undefined ? "" : ` ${shape}`}`;
}

/** The licence and the source of the data, where they are known. */
const originOf = ({ source: { licence, source } }: DatasetInfo): string[] => [
  ...(typeof licence === "string" ? [licence] : []),
  ...(typeof source === "string" ? [`from ${source}`] : []),
];

const partly = (info: DatasetInfo): string => (info.source.complete === false ? ", partial" : "");

const paintState = (output: Output, state: string): string =>
  output.paint(state.startsWith("ready") ? "green" : state.startsWith("damaged") ? "red" : "dim", state);

export async function dataGetCommand(name: string, output: Output): Promise<void> {
  const stopped = `Stopped before ${name} was ready. Get it with:\n\n  ${commandName()} ${commandText(["data", "get", name], {})}`;
  await work(
    output,
    `Getting ${name}`,
    async (options) => {
      const kept = keeperOfKnown(name);
      if (kept) await kept.get(name, output, options);
      else tell(output, "ready", await getDataset(name, options));
    },
    stopped,
  );
}

type ImageChoice = Partial<Pick<ClassificationValues, "imageSize" | "channels" | "invert" | "skipBad">>;
type TableChoice = Partial<
  Pick<
    InvocationOptions,
    "labelColumn" | "textColumn" | "splitColumn" | "domainColumn" | "featureColumns" | "header" | "channelsFirst"
  >
>;
/** Options that training has as well. */
type SharedChoice = ImageChoice & { readonly missing?: "refuse" | "drop" | "mean" };

export async function dataImportCommand(
  name: string,
  paths: readonly string[],
  chosen: Flags,
  tables: TableChoice,
  output: Output,
): Promise<void> {
  const images = chosen as SharedChoice;
  if (paths.length === 0)
    throw new UsageError(
      "there is nothing to import",
      "Give a folder, archive, table or arrays: --help shows examples",
    );
  if (isTaken(name))
    throw new UsageError(
      `${name} is the name of a family of curves, which \`train --data ${name}\` trains on`,
      "Choose another name",
    );
  for (const path of paths) {
    if (!(await stat(path).catch(() => undefined)))
      throw new UsageError(`there is no file or folder ${path}`, "Check the path");
  }
  const given = Object.keys({ ...images, ...tables }).filter((option) => !aboutOutput.includes(option));
  const kept = await keeperWhere((each) => each.isAt(paths));
  if (kept && given.length > 0)
    throw new UsageError(`${flagOf(given[0]!)} means nothing for ${paths[0]}`, "Leave it out");
  const source = kept ? undefined : sourceOf(name, paths, images, tables, given);
  const again = commandText(["data", "import", name, ...paths], { ...images, ...tables });
  await work(
    output,
    `Importing ${name}`,
    async (long) => {
      if (kept || !source) return kept?.take(name, paths[0]!, output, long);
      const before = (await listDatasets()).find((listing) => listing.name === name);
      const info = await importDataset(name, await source(), long);
      tell(output, "imported", info);
      if (before) tellReplaced(output, before, info);
    },
    `Stopped; nothing was kept of ${name}. Import it with:\n\n  ${commandName()} ${again}`,
  );
}

/** Whether `--data` with that name would be something else: a family of formulas. */
const isTaken = (name: string): boolean =>
  flagTable().some(
    (flag) =>
      flag.name === "data" && flag.places.some(({ spec }) => spec.kind === "choice" && spec.choices.includes(name)),
  );

/** What was stored under the name before is gone: runs that were trained on it know its contents. */
function tellReplaced(output: Output, before: DatasetListing, { sha256 }: DatasetInfo): void {
  if (before.state !== "ready" || before.info.sha256 === sha256) return;
  const counts = countsOf(before.info).map(toldOf);
  output.warn(
    `  It replaced the data set ${before.name} of ${counts.slice(0, 2).join(" and ")}. Runs that were trained on that one need it again to be evaluated or continued.`,
  );
}

/** What else `data import` may be told than what the options of images and tables say. */
const aboutOutput: readonly string[] = ["quiet", "json"];

/** What the paths are, checked against the options; it may have to look at images first. @throws UsageError */
function sourceOf(
  name: string,
  paths: readonly string[],
  images: SharedChoice,
  tables: TableChoice,
  given: readonly string[],
): () => Promise<ImportSource> {
  const [path = ""] = paths;
  const only = (what: string, ...taken: readonly string[]): void => {
    const other = given.find((option) => !taken.includes(option));
    if (other) throw new UsageError(`${flagOf(other)} means nothing for ${what}`, "Leave it out");
  };
  const one = (what: string): void => {
    if (paths.length > 1) throw new UsageError(`${paths.length} paths for ${name}`, `Give one ${what}`);
  };
  const side = images.imageSize;
  const files = knownSet(name)?.files;
  if (files) {
    if (files.resizes) only(name, "imageSize");
    else only(`${name}, which has a size and colours of its own`);
    if (files.onePath !== undefined) one(files.onePath);
    return async () => files.source(paths, side === undefined ? undefined : [side, side]);
  }
  if (isArrayName(path)) {
    only("arrays", "channelsFirst");
    const [count, wanted] = /\.npz$/i.test(path) ? [1, "one .npz archive"] : [2, "two, x.npy and y.npy"];
    if (paths.length !== count) throw new UsageError(`${paths.length} paths for ${name}`, `Give ${wanted}`);
    return async () => ({ kind: "arrays", paths, channelsFirst: tables.channelsFirst ?? false });
  }
  if (isTableName(path) && tables.textColumn !== undefined) {
    only("a table of texts", "textColumn", "labelColumn", "splitColumn", "domainColumn");
    one("table");
    const { textColumn, labelColumn, splitColumn, domainColumn } = tables;
    return async () => ({ kind: "text-table", path, textColumn, labelColumn, splitColumn, domainColumn });
  }
  if (isTableName(path)) {
    for (const option of ["splitColumn", "domainColumn"] as const)
      if (tables[option] !== undefined)
        throw new UsageError(`${flagOf(option)} means nothing for a table of numbers`, "Texts have a --text-column");
    only("a table", "labelColumn", "featureColumns", "header", "missing");
    one("table");
    const { labelColumn, featureColumns, header } = tables;
    const { missing } = images;
    if (missing === "mean")
      throw new UsageError(
        "--missing mean of a table with labels, whose training classes are not known when it is imported",
        "Leave the rows out with --missing drop, or fill the cells in",
      );
    if (labelColumn === undefined)
      throw new UsageError("there is no --label-column", "Name the column that says which class a row belongs to");
    const features = featureColumns?.split(",").map((column) => column.trim());
    return async () => ({
      kind: "table",
      path,
      labelColumn,
      header: header !== "no",
      ...(missing ? { missing } : {}),
      ...(features ? { featureColumns: features } : {}),
    });
  }
  if (isMarkedName(path)) {
    only("marked texts");
    one("file of marked texts");
    return async () => ({ kind: "marked-texts", path });
  }
  only("images", "imageSize", "channels", "invert", "skipBad");
  one("folder or zip archive");
  return async () => {
    if (!isArchiveName(path) && !(await stat(path)).isDirectory())
      throw new UsageError(
        `${path} is a file of a kind that is not imported`,
        "Give a folder or zip archive (.zip) with one folder of images or of .txt files per class, a table (.csv, .tsv, .jsonl, .ndjson) with --label-column, and --text-column where it has texts, marked texts (.conll, .json, .txt), or arrays (.npz, or x.npy and y.npy)",
      );
    if (await isFolderOfTexts(path)) {
      only("a folder of texts");
      return { kind: "text-folder", folder: path };
    }
    const size = side === undefined ? {} : { size: [side, side] as const };
    const channels = images.channels === "3" ? 3 : 1;
    const invert = images.invert === "yes" || (images.invert !== "no" && "auto");
    return { kind: "image-folder", folder: path, ...size, channels, invert, skipBad: images.skipBad ?? false };
  };
}

export async function dataVerifyCommand(names: readonly string[], output: Output): Promise<void> {
  const stored =
    names.length > 0
      ? names
      : (await listDatasets()).filter(({ state }) => state === "ready" || state === "damaged").map(({ name }) => name);
  const others = names.length > 0 ? [] : (await Promise.all(keptThings.map((each) => each.here()))).flat();
  if (stored.length + others.length === 0) output.say("  There are no stored data sets.");
  for (const name of [...stored, ...others]) {
    const kept = await keeperWhere(async (each) => (await each.here()).includes(name));
    await work(output, `Verifying ${name}`, async (options) => {
      if (kept) await kept.verify(name, output, options);
      else tell(output, "complete and unchanged", await verifyDataset(name, options));
    });
  }
}

function tell(output: Output, what: string, info: DatasetInfo): void {
  output.event({ type: "data", state: what, ...info });
  const { columns: columnsFound, notes } = info.source;
  if (typeof columnsFound === "string") output.say(`  ${hanging(`columns: ${columnsFound}`, roomIn(), 2)}`);
  if (Array.isArray(notes)) for (const note of notes) output.warn(`  ${note}`);
  output.result(
    columns([
      [
        `  ${[`${info.name}: ${what}`, ...countsOf(info).map(toldOf), bytes(info.fileBytes), ...originOf(info)].join(", ")}`,
      ],
    ]).join(""),
  );
}

/** Without parts and shapes, which `data list` shows. */
const toldOf = ({ count: number, one, many }: StoredCount): string => counted(number, one, many);

async function work(
  output: Output,
  label: string,
  task: (options: {
    signal: AbortSignal;
    onProgress: (done: number, total: number, what: string) => void;
    onWarning: (text: string) => void;
  }) => Promise<void>,
  /** What the user is told after an interruption. */
  stopped?: string,
): Promise<void> {
  const interruption = watchInterruption(output, "Stopping...");
  const line = output.progress(label);
  try {
    await task({
      signal: interruption.signal,
      onProgress: (done, total, what) => line.update(done, total, what),
      onWarning: output.warn,
    });
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    line.end();
    if (stopped !== undefined) output.result(`\n${stopped}\n`);
    throw new Interrupted();
  } finally {
    line.end();
    interruption.stopWatching();
  }
}
