/** SIB-200 and NusaX: the same sentences in many languages. */
import { join } from "node:path";
import type { LabelledTexts } from "@innerloop/core/tasks";
import type { LongWork } from "@innerloop/experiments";
import { readTextTable } from "../texts/text-table.js";
import { opinions } from "./headlines-and-opinions.js";
import { joinedTexts, type KnownFile, knownTexts } from "./known-texts.js";

/** A language of a set: its file without the ending, the bytes and sha256 of that. */
type Language = readonly [name: string, bytes: number, sha256: string];

const sibLanguages: readonly Language[] = [
  ["arb_Arab", 235140, "171dee0ddf23c4cfc9c24ebe7f8ce4d95eb80bc75a51fe356c254b8debb0193e"],
  ["ben_Beng", 365583, "63a7e6776d8f189dbedc41fc23763659c4c6f2b755bb645e198b17e59bb4ee02"],
  ["ces_Latn", 165374, "3d4da32eb69426dbba413b0bfc23be8e4b549b939ef509b6e93e67867681053d"],
  ["deu_Latn", 178883, "80a94b2fe7972f208f65622137c556fd6f67d6f1c7617da27764f836e74a3381"],
  ["ell_Grek", 307648, "a9824b611c14500e4a5cbf6599b994646aba2b536d1438950fe20bd39d41e2d3"],
  ["eng_Latn", 154416, "8905cd4316e86191e297d99aa1fcc8eaea4506acc71d3cbb76df01360f1e3a18"],
  ["fin_Latn", 169031, "ef102e3f42cb76e85683871344ff196173344d918fc15cf18f610da31f524486"],
  ["fra_Latn", 185177, "77302244e8db6a9e9ffcde83cae0517392aa397ce8778b7b74f75eb9dfb02fc2"],
  ["hau_Latn", 165289, "1875f801b956015742f4ad501b23fbd86e1e7f523c9417f7b88dea196651d805"],
  ["heb_Hebr", 207202, "cca2c956b66ef73725621df65811e8ac8c4c1e8e45ce2c8efea1e87a5127ffae"],
  ["hin_Deva", 357956, "db46ab58fa6a5a94d79884205b512d167070015c578c73faa5aa4778844286c4"],
  ["hun_Latn", 175514, "7b632596ee45500f13dd015eb7e2feb11c06185cad0b16efa5132177655b04cc"],
  ["ind_Latn", 166233, "1539ed70e425b09ab2b06bcf0c0420a839690700138b8a440eae616af3eadc62"],
  ["ita_Latn", 180241, "f690b1786a9bb36a11d22e10b792c3b50cb17981a3a6dac3ed41b7671f4efb1c"],
  ["jpn_Jpan", 189700, "9097996d4a1da81a5d5012ee29e81e6b7791f399f71e775e9e7cebefa572ca1e"],
  ["kat_Geor", 413029, "d8670c14b98c0c057c66cd98ad72bec3f31169dc0b6a14aae878009d05aaf1d7"],
  ["kor_Hang", 180846, "ac3edd99384c20161fef4c215695cf4ca01f6f6d366e45e158f00a0f08069f1f"],
  ["nld_Latn", 168924, "79f6749ff4584aac9f4b36eb9efc6c954eee8c13075d7cd2243902063679a533"],
  ["pes_Arab", 245818, "60122b17d71418032e3243a0958474c0cc356c536f68c8ad3948497f6c08ba17"],
  ["pol_Latn", 171486, "5918573b22310e9b6d513573d03cac62ae3225fc50200a1685d75174c7ff58e3"],
  ["por_Latn", 170269, "e486c8f8b04720dea0c978a206bc4e0023bce476a3ab4d3066a30a14ea4e96c9"],
  ["rus_Cyrl", 286645, "c29ef1a436fa825118031812877e58a080e885dc1da596187df67fb728e7f770"],
  ["spa_Latn", 181771, "6638df060cb1a7a2c886d0c15670e1e8a4a3a75fc02e372e9f68c5f7c6c2faab"],
  ["swe_Latn", 160991, "cc22f766dec21263e65b052329a1d87d6f2dd19d58dd0645813a34aefd1adbc2"],
  ["swh_Latn", 161579, "8aca92421bbaa1226efb2399fbb0c0907109e9125beb05d2c2fce088aa1e3544"],
  ["tam_Taml", 439940, "0ed845aeff7b2fed46c27376ce65bb95d3b28605ebd801d2045739e3b987f4ad"],
  ["tha_Thai", 383290, "236abc7066bd5e6168ad4f14d7eba4d474f5fa0427ecc5e55e8a0070cc5cce20"],
  ["tur_Latn", 170759, "2d5fd6d7f72081389fba885d067ef2a801ceae89ec0217ac491e2e3344cb0c73"],
  ["ukr_Cyrl", 269500, "3fabf0fdd19e3c8df4d361dbfc5e495184c6ebdfb66e3f84a6fed0b1a275eeca"],
  ["vie_Latn", 205649, "86911e96c9437cfb1565ce856c52146cedfca884d9ecda3d01e23a46db02f433"],
  ["yor_Latn", 190364, "7f8736a4cd54aa1b509dc210b49d0194ac5f3abcbd2ae1f85127f840ecb8c7ae"],
  ["zho_Hans", 143840, "d5f7c99678744716998a9b0548303503d58be842a241a29727a3dc142f11b4e0"],
];

const nusaxLanguages: readonly Language[] = [
  ["acehnese", 169173, "710e0b09d7dfc2e2b09d95a067c46dbbc2022b3929a4ecfaecb2e2c4f28a8241"],
  ["balinese", 173557, "68ba67cfaea966b72ea937c85c119af584e231cdd9af91033ce1b590da820dc8"],
  ["banjarese", 173403, "0485927b4de32d0f9bfaaef6c145c2ba25625a7c720ab7ddb22059df37ddea2d"],
  ["buginese", 182513, "631a6168d5b73aa4a018c4a1e4a833dfa678e2e1e20ff93ad355f21fe2d91b4d"],
  ["english", 181400, "cadc4f2d6526b86a9f4cdcc74c7f7ff3a66513dc7375e5dad8f37596b854ebab"],
  ["indonesian", 174333, "2808825ffbf0c019d1984b27edc13c1d0bf7ebe503bf6d777395496596538647"],
  ["javanese", 169846, "8ca79ce218ece6daa1fc4d631b04fcebaaa4b532dcb0b75c94c3c495b9a233fc"],
  ["madurese", 175327, "6a335494aa6553fb2f6880095e698799a10623e957cdfd5f86f7fd74425f842e"],
  ["minangkabau", 169452, "8747e8c71a131f5e1575dab4c2651b86d4488d4dcd1430fd62476bf55cda4363"],
  ["ngaju", 171783, "71eeaaf87ac4407682346f83118d05f7f48c78a93e2597132718e98c9c06bf22"],
  ["sundanese", 173234, "bec0623233f27381d2419f88384e441c45bb5033634285ba9d8888b8b2fda3de"],
  ["toba_batak", 177025, "81de8e711db472ae0ceeee43d8931644aa2af0bb0a16fd327d7506d75e166da9"],
];

const filesOf = (languages: readonly Language[]): KnownFile[] =>
  languages.map(([name, bytes, sha256]) => ({ name: `${name}.csv`, bytes, sha256 }));

/**
 * A language is a domain, and the parts are those of the rows: a sentence is of the same part in all languages, so that
 * test rows of any language are of sentences that training has seen in none.
 */
async function readLanguages(
  name: string,
  languages: readonly Language[],
  classes: readonly string[],
  folder: string,
  work: LongWork,
): Promise<LabelledTexts> {
  const columns = { textColumn: "text", labelColumn: "label", splitColumn: "split" };
  const pieces: { texts: LabelledTexts; domain: string }[] = [];
  for (const [domain] of languages) {
    const { texts } = await readTextTable(join(folder, `${domain}.csv`), { ...work, ...columns });
    pieces.push({ texts, domain });
  }
  return joinedTexts(name, classes, pieces);
}

const topics = ["entertainment", "geography", "health", "politics", "science/technology", "sports", "travel"];

/** SIB-200 (Adelani et al. 2023) as one record: 1,004 sentences of 7 topics in 32 of its languages. */
export const sib200 = knownTexts({
  kind: "sib200",
  licence: "CC BY-SA 4.0",
  source: "Adelani et al. 2023, github.com/dadelani/sib-200; FLORES-200",
  form: "32 files such as eng_Latn.csv: columns index, text, label and split, the train, dev and test files of each language at 593cea8 as one, dev called validation",
  files: filesOf(sibLanguages),
  read: (folder, work) => readLanguages("sib200", sibLanguages, topics, folder, work),
});

/** NusaX-Senti (Winata et al. 2023) as one record: 1,000 sentences of 3 opinions in 12 languages. */
export const nusax = knownTexts({
  kind: "nusax",
  licence: "CC BY-SA 4.0",
  source: "Winata et al. 2023, github.com/IndoNLP/nusax",
  form: "12 files such as english.csv: columns id, text, label and split, the train, valid and test files of each language in datasets/sentiment at 75b0be5 as one, valid called validation",
  files: filesOf(nusaxLanguages),
  read: (folder, work) => readLanguages("nusax", nusaxLanguages, opinions, folder, work),
});
