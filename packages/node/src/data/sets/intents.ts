/** CLINC150 and BANKING77: what people want of an assistant and of a bank. */
import { join } from "node:path";
import type { LabelledTexts, Split } from "@innerloop/core/tasks";
import { isRecord, type LongWork } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import { readRegularFile } from "../regular-file.js";
import { readTextTable } from "../texts/text-table.js";
import { foldsFrom, joinedTexts, knownTexts } from "./known-texts.js";

/**
 * The five splits of the intents that papers report on, of Dopierre, Gravier and Logerais 2021, "ProtAugment" (repository
 * tdopierre/ProtAugment, folder data/.../few_shot): 50, 50 and 50 for training, validation and testing.
 */
const clincFolds = {
  "01": "222212020001110120011011212222210020121100102111201112202020010212022221000100111212012211002101021211010000212122221101220120200002000112011220221010",
  "02": "100210020200012002001222000012211011001122021120001112200211011122122102100100200201112111112222121122001111012222212002221200022020001200110221111220",
  "03": "011220011021210122111000101201000221102121011020122011212102210210201110121122111000001011022220101222200202012120011201221001010002210210022022220222",
  "04": "200102211012001202101222212201020102122201022102120011212101200021221220012012112001020111102200101102201100220220220120112110101110022001101111200022",
  "05": "211201021001120122200212022221001100022120110120120111022100110202101202111111022111002021020112021210002011021210201212202002012211100221220020221000",
} as const;

/** The same for BANKING77: 25, 25 and 27. */
const bankingFolds = {
  "01": "21020020210021220200101010222001211102200111212122021111121020220100211221002",
  "02": "02202102102210110200221220121200220110121010102211201112220010110022022101210",
  "03": "22101010221001212101010122011220121011102020010211000102000222122202221220121",
  "04": "12200122211212012212011110002120100102201211012102222200020012210002002101211",
  "05": "20022020112212220210200020201012201120011111022222011011001220022112010210111",
} as const;

const clincAt = "https://raw.githubusercontent.com/clinc/oos-eval/828f8093932c8fe6ca7936c3d2e52903b1c523de/data";
const bankingAt =
  "https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/b30ebac2744f9b815c3ea3b9aff331c09b6b6b13/banking_data";

const mostBytes = 64 * 2 ** 20;

async function readJson(path: string): Promise<unknown> {
  const bytes = await readRegularFile(path, { most: mostBytes, links: "followed" });
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
}

const clincParts = [
  ["train", "train"],
  ["val", "validation"],
  ["test", "test"],
] as const;

/**
 * CLINC150 (Larson et al. 2019): 22,500 requests of 150 intents in 10 domains, and 1,200 requests of no intent. The three
 * parts of its authors are those of the rows.
 */
async function readClinc(folder: string): Promise<LabelledTexts> {
  const [full, domains] = await Promise.all(
    ["data_full.json", "domains.json"].map((file) => readJson(join(folder, file))),
  );
  const wrong = (file: string): DataError =>
    new DataError("ILD74", join(folder, file), "it is not in the form of CLINC150", "Fetch it again.");
  if (!isRecord(full)) throw wrong("data_full.json");
  if (!isRecord(domains)) throw wrong("domains.json");
  const domainNames = Object.keys(domains);
  const domainOf = new Map(
    Object.entries(domains).flatMap(([, intents], place) =>
      Array.isArray(intents) ? intents.map((intent: unknown) => [intent, place] as const) : [],
    ),
  );
  const names = [...domainOf.keys()].map(String).sort();
  const places = new Map(names.map((name, place) => [name, place]));
  const texts: string[] = [];
  const parts: Split[] = [];
  const of: number[] = [];
  const ofDomains: number[] = [];
  for (const [key, part] of clincParts) {
    for (const prefix of ["", "oos_"]) {
      const rows = full[`${prefix}${key}`];
      if (!Array.isArray(rows)) throw wrong("data_full.json");
      for (const row of rows as unknown[]) {
        const [text, intent] = Array.isArray(row) ? (row as unknown[]) : [];
        if (typeof text !== "string" || text.trim() === "") throw wrong("data_full.json");
        texts.push(text.normalize("NFC").trim());
        parts.push(part);
        of.push(prefix === "" ? (places.get(String(intent)) ?? -1) : -1);
        ofDomains.push(prefix === "" ? (domainOf.get(intent) ?? -1) : -1);
      }
    }
  }
  return {
    name: "clinc150",
    texts,
    classes: { names, of: Int32Array.from(of) },
    domains: { names: domainNames, of: Int32Array.from(ofDomains) },
    parts,
    folds: foldsFrom(names, clincFolds),
  };
}

/** BANKING77 (Casanueva et al. 2020): 13,083 questions of bank customers, 77 intents, both files of its authors together. */
async function readBanking(folder: string, work: LongWork): Promise<LabelledTexts> {
  const columns = { textColumn: "text", labelColumn: "category" };
  const pieces: { texts: LabelledTexts }[] = [];
  for (const file of ["train.csv", "test.csv"])
    pieces.push(await readTextTable(join(folder, file), { ...work, ...columns }));
  const names = [...new Set(pieces.flatMap(({ texts }) => texts.classes.names))].sort();
  return { ...joinedTexts("banking77", names, pieces), folds: foldsFrom(names, bankingFolds) };
}

/** CLINC150 as one record. */
export const clinc150 = knownTexts({
  kind: "clinc150",
  licence: "CC BY 3.0",
  source: "Larson et al. 2019, github.com/clinc/oos-eval",
  form: "its authors' data_full.json and domains.json",
  files: [
    {
      name: "data_full.json",
      bytes: 2_495_390,
      sha256: "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
      url: `${clincAt}/data_full.json`,
    },
    {
      name: "domains.json",
      bytes: 3_818,
      sha256: "b947b579d3b8e74b06f93b01083d8efaff2888b43a3e362533bd88a6e1211b3a",
      url: `${clincAt}/domains.json`,
    },
  ],
  read: readClinc,
});

/** BANKING77 as one record. */
export const banking77 = knownTexts({
  kind: "banking77",
  licence: "CC BY 4.0",
  source: "Casanueva et al. 2020, github.com/PolyAI-LDN/task-specific-datasets",
  form: "its authors' train.csv and test.csv",
  files: [
    {
      name: "train.csv",
      bytes: 839_073,
      sha256: "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
      url: `${bankingAt}/train.csv`,
    },
    {
      name: "test.csv",
      bytes: 239_961,
      sha256: "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d",
      url: `${bankingAt}/test.csv`,
    },
  ],
  read: readBanking,
});
