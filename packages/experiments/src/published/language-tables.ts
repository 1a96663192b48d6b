/** The tables of texts: intents and topics, sentiment across domains, languages, and entities. */
import { type Flags, resolvePreset } from "../config/index.js";
import type { Column, GroupMean, Need, Row, Table } from "./table.js";

/** A training for each of two codings: nothing to download, and features of a frozen encoder. */
interface Coding {
  readonly key: string;
  readonly learner: string;
  readonly options: Flags;
  /** Baselines that it is compared with task by task. */
  readonly against: readonly string[];
}

/** A data set, fold, held-out domain or language: a heading of a table. */
interface Subject {
  readonly key: string;
  readonly group: string;
  readonly preset: string;
  readonly options: Flags;
  readonly columns: readonly string[];
}

/** A row for every coding of every subject, as long as its preset trains it, each with the baselines of its coding. */
const rowsOf = (subjects: readonly Subject[], codings: readonly Coding[]): Row[] =>
  subjects.flatMap(({ key, group, preset, options: shared, columns }) =>
    codings.map((coding) => {
      const options = { ...shared, ...coding.options };
      const { iterations } = resolvePreset(preset, options).training;
      return {
        name: `${key}-${coding.key}`,
        learner: coding.learner,
        group,
        train: { preset, options: { ...options, iterations } },
        cells: Object.fromEntries(columns.map((column) => [column, {}])),
        baselines: true,
        against: coding.against,
      };
    }),
  );

const meanOver = (title: string, subjects: readonly Subject[]): GroupMean => ({
  title,
  groups: subjects.map(({ group }) => group),
});

/** A data set whose files its authors offer for download, or one that is read from a folder alone. */
const fetched = (name: string): Need => ({ name, remedy: `Run \`innerloop data get ${name}\`` });
const imported = (name: string, form: string): Need => ({
  name,
  remedy: `Run \`innerloop data import ${name} FOLDER\` with ${form}`,
});

const minilm: Need = { name: "minilm", remedy: "Run `innerloop data get minilm`" };

const compared = (of: string): Pick<Coding, "learner" | "against"> => ({
  learner: `${of}, cosine prototypes`,
  against: [],
});

const intentColumns: readonly Column[] = [1, 5].map((shots) => ({
  name: `5way-${shots}shot`,
  title: `5-way ${shots}-shot`,
  options: { ways: 5, shots },
}));

const ofClasses = (key: string, group: string, preset: string, options: Flags = {}): Subject => ({
  key,
  group,
  preset,
  options,
  columns: intentColumns.map(({ name }) => name),
});

const clincFolds = ["01", "02", "03", "04", "05"].map((fold) =>
  ofClasses(`clinc150-${fold}`, `CLINC150, fold ${fold}`, "clinc150", { fold }),
);

const intents: Table = {
  name: "text-intents",
  title: "Intents and topics, 5-way",
  about:
    "Accuracy on classes that were held out: CLINC150 and BANKING77 by the published splits of Dopierre et al. 2021, HuffPost by that of Bao et al. 2020, WordNet's definitions by lexicographer file; 15 queries per class, of HuffPost 25, of WordNet 5. " +
    "One training serves both columns, in episodes of many ways. N-grams are the words and character 3- to 5-grams of a text, hashed; MiniLM is the frozen encoder all-MiniLM-L6-v2 in 8 bits, upon whose features a linear map is learned that starts as the identity. " +
    "For HuffPost Bao et al. 2020 report 63.5 at 5 shots, with attention over fastText vectors.",
  metric: "accuracy",
  data: [
    fetched("clinc150"),
    fetched("banking77"),
    imported("huffpost", "headlines.csv: columns text, label and split"),
  ],
  backbones: [minilm],
  columns: intentColumns,
  rows: rowsOf(
    [
      ...clincFolds,
      ofClasses("banking77-01", "BANKING77, fold 01", "banking77", { fold: "01" }),
      ofClasses("huffpost", "HuffPost, 16 topics held out", "huffpost"),
      ofClasses("glosses", "WordNet, 12 classes held out", "glosses"),
    ],
    [
      { ...compared("n-grams"), key: "ngrams", options: {}, against: ["tf-idf centroid of n-grams"] },
      { ...compared("MiniLM"), key: "minilm", options: { backbone: "minilm" }, against: ["centroid of features"] },
    ],
  ),
  means: [meanOver("CLINC150, mean of the five folds", clincFolds)],
};

/** Columns of so many examples of each class. */
const shotColumns: readonly Column[] = [0, 1, 5, 16].map((shots) => ({
  name: `${shots}-shot`,
  title: `K = ${shots}`,
  options: { shots },
}));

const knowingCodings: readonly Coding[] = [
  {
    key: "ngrams",
    learner: "n-grams, logistic regression with a learned prior",
    options: {},
    against: ["source-only classifier of n-grams", "tf-idf centroid of n-grams"],
  },
  {
    key: "minilm",
    learner: "MiniLM, logistic regression with a learned prior",
    options: { backbone: "minilm" },
    against: ["source-only classifier of features", "centroid of features"],
  },
];

const opinionSubjects = [
  "amazon-cells",
  "imdb",
  "movie-reviews",
  "product-reviews-2004",
  "stack-overflow",
  "tweets",
  "yelp",
].map(
  (domain): Subject => ({
    key: domain,
    group: `${domain} held out`,
    preset: "sentiment",
    options: { testDomains: [domain] },
    columns: shotColumns.map(({ name }) => name),
  }),
);

const sentiment: Table = {
  name: "text-sentiment",
  title: "Sentiment across domains, positive against negative",
  about:
    "Accuracy in a domain that was held out, with its twin (imdb and movie-reviews, amazon-cells and product-reviews-2004), after K examples of each class; 50 queries of each, so that accuracy is balanced. " +
    "Labels mean the same in every domain: K = 0 is what training domains know. The source-only classifier, a logistic regression on all sentences of the training domains, does not change with K. The setting is our own: there are no published figures.",
  metric: "accuracy",
  data: [imported("sentiment", "sentences.csv: columns text, label and domain")],
  backbones: [minilm],
  columns: shotColumns,
  rows: rowsOf(opinionSubjects, knowingCodings),
  means: [meanOver("mean of the seven domains", opinionSubjects)],
};

const nusaxSubjects = ["english", "indonesian", "madurese", "toba_batak"].map(
  (language): Subject => ({
    key: `nusax-${language.replace("_", "-")}`,
    group: `NusaX sentiment, ${language.replace("_", " ")} held out`,
    preset: "nusax",
    options: { testDomains: [language], validationDomains: ["javanese"] },
    columns: shotColumns.map(({ name }) => name),
  }),
);

const sibSubjects = ["eng_Latn", "swh_Latn", "hin_Deva", "zho_Hans"].map(
  (language): Subject => ({
    key: `sib200-${language.toLowerCase().replace("_", "-")}`,
    group: `SIB-200 topics, ${language} held out`,
    preset: "sib200",
    options: { testDomains: [language], validationDomains: ["deu_Latn", "fra_Latn"] },
    columns: ["1-shot", "5-shot"],
  }),
);

const languages: Table = {
  name: "text-languages",
  title: "Languages that were held out",
  about:
    "Accuracy in a language that training has not seen, on sentences that it has not seen in any language: both corpora are parallel, so that test rows alone are for evaluation. NusaX: three sentiments, the same in every language, 15 queries of each. " +
    "SIB-200: five of seven topics, numbered anew in each task. MiniLM was made for English. The setting is our own: there are no published figures.",
  metric: "accuracy",
  data: [
    imported("nusax", "LANGUAGE.csv: columns id, text, label and split"),
    imported("sib200", "LANGUAGE_Script.csv: columns index, text, label and split"),
  ],
  backbones: [minilm],
  columns: shotColumns,
  rows: [
    ...rowsOf(nusaxSubjects, knowingCodings),
    ...rowsOf(sibSubjects, [
      { ...compared("n-grams"), key: "ngrams", options: {}, against: ["tf-idf centroid of n-grams"] },
      { ...compared("MiniLM"), key: "minilm", options: { backbone: "minilm" }, against: ["centroid of features"] },
    ]),
  ],
  means: [
    meanOver("NusaX, mean of the four languages", nusaxSubjects),
    meanOver("SIB-200, mean of the four languages", sibSubjects),
  ],
};

const [ofEpisodes, ofAllSpans] = ["mean F1 of the episodes' spans", "micro F1 of all spans"] as const;

const entityColumns: readonly Column[] = [1, 5].flatMap((shots) => [
  { name: `${shots}-shot`, title: `${shots}-shot, by episode`, options: { shots } },
  { name: `${shots}-shot-pooled`, title: `${shots}-shot, all spans`, options: { shots }, metric: ofAllSpans },
]);

/** Each domain held out, the one before it in the list for validation. */
const markedSubjects = (preset: string, title: string, domains: readonly string[]): Subject[] =>
  domains.map((testDomain, i) => ({
    key: `${preset}-${testDomain.toLowerCase()}`,
    group: `${title}, ${testDomain} held out`,
    preset,
    options: {
      testDomain,
      validationDomain: domains.at(i - 1)!,
      evalTasks: 100,
    },
    columns: entityColumns.map(({ name }) => name),
  }));

const snipsSubjects = markedSubjects("snips", "SNIPS", [
  "AddToPlaylist",
  "BookRestaurant",
  "GetWeather",
  "PlayMusic",
  "RateBook",
  "SearchCreativeWork",
  "SearchScreeningEvent",
]);

const crossnerSubjects = markedSubjects("crossner", "CrossNER", ["ai", "literature", "music", "politics", "science"]);

const entities: Table = {
  name: "text-entities",
  title: "Entities of a domain that was held out",
  about:
    "F1 of exact spans with exact types on 20 query sentences, with all types of the held-out domain, after support sentences that hold K spans of each at least (greedily the fewest, Hou et al. 2020); 100 episodes of each domain. " +
    "By episode: the mean of the F1 of each (Hou et al. 2020); all spans: micro F1 over the spans of all episodes (Ding et al. 2021). Episodes are our own draws. On those of Hou et al. of SNIPS, with BERT, Athiwaratkun et al. 2020 give 70.4 and 75.0 as the state of the art.",
  metric: ofEpisodes,
  data: [fetched("snips"), fetched("crossner")],
  backbones: [minilm],
  columns: entityColumns,
  rows: rowsOf(
    [...snipsSubjects, ...crossnerSubjects],
    [
      {
        key: "lexical",
        learner: "spelling, StructShot",
        options: {},
        against: ["lexical features, StructShot"],
      },
      {
        key: "minilm",
        learner: "spelling and MiniLM states, StructShot",
        options: { backbone: "minilm" },
        against: ["lexical features, StructShot"],
      },
    ],
  ),
  means: [
    meanOver("SNIPS, mean of the seven domains", snipsSubjects),
    meanOver("CrossNER, mean of the five domains", crossnerSubjects),
  ],
};

/** The tables of texts, in the order in which they are listed. */
export const languageTables: readonly Table[] = [intents, sentiment, languages, entities];
