/** Tables that go together. */
import { detectionTables } from "./detection-tables.js";
import { languageTables } from "./language-tables.js";
import { recommendationTables } from "./recommendation-tables.js";
import { reinforcementTables } from "./reinforcement-tables.js";
import type { TableGroup } from "./table.js";

/** Tables that are asked for by one name. */
export const tableGroups: readonly TableGroup[] = [
  {
    name: "language",
    title: "Language: intents and topics, sentiment across domains, languages, entities",
    tables: languageTables,
  },
  {
    name: "recommendation",
    title: "Recommendation: users with few ratings, simulated tastes, ratings across domains, items taken",
    tables: recommendationTables,
  },
  {
    name: "detection",
    title: "Detection: new characters in scenes, and objects in photos from a few marked ones",
    tables: detectionTables,
  },
  {
    name: "reinforcement",
    title: "Reinforcement learning: policies that adapt by episodes, and policies that remember a trial",
    tables: reinforcementTables,
  },
];
