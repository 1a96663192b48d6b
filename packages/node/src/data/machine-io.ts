/** What Node can read for an experiment. */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { LabelledExamples, Table } from "@innerloop/core";
import type { DataIo } from "@innerloop/experiments";
import { hasTag } from "@innerloop/graph";
import { machineEncoders } from "../backbones/machine-encoders.js";
import { shown } from "../runs/untrusted-folder.js";
import { recordedPixels } from "./images/image-decoding.js";
import { readImageFolder } from "./images/image-folder.js";
import { isArchiveName } from "./images/image-tree.js";
import { machineEnvironments } from "./machine-environments.js";
import { machineImages } from "./machine-images.js";
import { machinePictures } from "./machine-pictures.js";
import { machineRatings } from "./machine-ratings.js";
import { machineTexts } from "./machine-texts.js";
import { readRegularFile } from "./regular-file.js";
import { dataFolder, listDatasets, loadDataset } from "./store/dataset-store.js";
import { readCachedImageFolder } from "./store/image-cache.js";
import { readRegressionTable } from "./tables/regression-table.js";
import { similarNames, similarNamesText } from "./tables/similar-names.js";
import { columnsText, tableNotes } from "./tables/table-report.js";
import { readTableRows } from "./tables/table-rows.js";

/** Files, folders and data sets of this machine. */
export const machineIo: DataIo = {
  ...machineImages,
  ...machineTexts,
  ...machineRatings,
  ...machinePictures,
  ...machineEncoders,
  ...machineEnvironments,
  kindOf: (path) =>
    stat(path).then(
      (found) => (found.isDirectory() ? "folder" : isArchiveName(path) ? "archive" : "file"),
      () => undefined,
    ),
  absolute: (path) => resolve(path),
  shown,
  datasetNames: async () => (await listDatasets()).map(({ name }) => name),
  dataset: async (name, work) => {
    const examples = await loadDataset(name, work);
    const listing = (await listDatasets()).find((each) => each.name === name);
    const info = listing?.state === "ready" ? listing.info : undefined;
    return {
      examples,
      sha256: info?.sha256 ?? digestOf(examples),
      ...(info?.source.kind === "image-folder" ? { pixels: recordedPixels(info.source) } : {}),
    };
  },
  classFolders: async (path, { cached, ...reading }, work) => {
    const options = { ...reading, ...work };
    const examples =
      cached && process.env.INNERLOOP_CACHE !== "off"
        ? await readCachedImageFolder(path, options, { folder: join(dataFolder(), "decoded-images") })
        : await readImageFolder(path, options);
    return { examples, sha256: digestOf(examples), pixels: examples.pixels };
  },
  table: async (path, { name, groupColumn, targets, inputs, missing, numbersOnly = false }, work) => {
    const found = await readRegressionTable(path, {
      ...work,
      name,
      groupColumn,
      targets,
      missing,
      numbersOnly,
      ...(inputs ? { inputs } : {}),
    });
    return {
      table: found.table,
      inputs: found.inputs,
      sha256: tableDigest(found.table),
      columns: columnsText(found.report),
      notes: tableNotes(found.report),
      decimalCommas: found.report.columns.some((column) => column.decimalCommas === true),
      similarGroups: similarNamesText("groups", similarNames(found.table.columns[groupColumn] as readonly string[])),
    };
  },
  tableRows: (path, spec, reading) => readTableRows(path, spec, reading),
  text: async (path, most) => new TextDecoder().decode(await readRegularFile(path, { most, links: "followed" })),
};

function digestOf({ ids, classes }: LabelledExamples): string {
  const hash = createHash("sha256");
  if (ids) hash.update(`${ids.count} ids\0`);
  for (const { name, examples, split } of classes) {
    hash.update(name).update("\0");
    if (split) hash.update(split).update("\0");
    hash.update(new Uint8Array(examples.buffer, examples.byteOffset, examples.byteLength));
  }
  return hash.digest("hex");
}

function tableDigest({ columns, kinds }: Table): string {
  const hash = createHash("sha256");
  if (kinds) hash.update(JSON.stringify(kinds));
  for (const [name, values] of Object.entries(columns)) {
    hash.update(JSON.stringify(name));
    if (hasTag(values, "Float64Array"))
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    else hash.update(JSON.stringify(values));
  }
  return hash.digest("hex");
}
