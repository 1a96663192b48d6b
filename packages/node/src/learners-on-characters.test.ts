import { type LearnerEntry, learnerCatalogue } from "@innerloop/core";
import { learnersOnCharacters, learnOnCharacters } from "./learners-on-characters.fixture.js";

learnOnCharacters(
  learnersOnCharacters.filter((name) => (learnerCatalogue[name] as LearnerEntry).family !== "gradient"),
);
