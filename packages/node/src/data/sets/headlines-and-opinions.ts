/** HuffPost's headlines, and opinions in seven domains: files that were put together of their authors' own. */
import { join } from "node:path";
import type { LabelledTexts } from "@innerloop/core/tasks";
import { readTextTable } from "../texts/text-table.js";
import { knownTexts } from "./known-texts.js";

/** HuffPost as one record: 36,900 headlines in 41 topics, as Bao et al. 2020 use them; its fold is theirs, 20, 5 and 16. */
export const huffpost = knownTexts({
  kind: "huffpost",
  licence: "CC BY 4.0",
  source: "News Category Dataset, Misra 2018; split of Bao et al. 2020",
  form: "headlines.csv: columns text, label and split (train, validation or test, the same in all rows of a topic), the 36,900 headlines of repository ws-jiang/MetaPrompter_public at dea17d5, data/huffpost.json, with the names of topics for their numbers",
  files: [
    {
      name: "headlines.csv",
      bytes: 2_946_621,
      sha256: "0d2f769ead09a8ed0f482e7031244afeadfefdcf9594f0be22b076a8c59a3d64",
    },
  ],
  read: async (folder, work) => {
    const columns = { textColumn: "text", labelColumn: "label", splitColumn: "split" };
    const { texts } = await readTextTable(join(folder, "headlines.csv"), { ...work, ...columns, name: "huffpost" });
    const { folds, ...rest } = texts;
    return { ...rest, ...(folds ? { folds: { published: folds.given! } } : {}) };
  },
});

/** Opinions come in this order, whichever a file begins with. */
export const opinions: readonly string[] = ["negative", "positive", "neutral"];

/** The same texts, with their classes in another order. */
export function withClasses({ classes, ...texts }: LabelledTexts, names: readonly string[]): LabelledTexts {
  const places = classes.names.map((name) => names.indexOf(name));
  return { ...texts, classes: { names, of: classes.of.map((place) => places[place] ?? -1) } };
}

/**
 * Sentiment as one record: 25,745 sentences of seven domains from three sources. Films and what people write of phones
 * come from two sources each, which are twins: neither is unseen where the other was trained on.
 */
export const sentiment = knownTexts({
  kind: "sentiment",
  licence: "MIT and CC BY 4.0",
  source: "Hutto and Gilbert 2014 (VADER), Kotzias et al. 2015, Calefato et al. 2018 (Senti4SD)",
  form: "sentences.csv: columns text, label (positive, neutral, negative), domain and valence, the 25,745 sentences of these sources without repeats within a domain",
  files: [
    {
      name: "sentences.csv",
      bytes: 3_507_948,
      sha256: "ed01a94503b8793c1c3a330fc629cfa65fe60f4e551569b8b308373e33b2b243",
    },
  ],
  read: async (folder, work) => {
    const columns = { textColumn: "text", labelColumn: "label", domainColumn: "domain" };
    const { texts } = await readTextTable(join(folder, "sentences.csv"), { ...work, ...columns, name: "sentiment" });
    return {
      ...withClasses(texts, opinions),
      twins: [
        ["imdb", "movie-reviews"],
        ["amazon-cells", "product-reviews-2004"],
      ],
    };
  },
});
