import { type LearnerEntry, learnerCatalogue } from "innerloop";
import { learnersOnCharacters, learnOnCharacters } from "./learners-on-characters.fixture.js";

learnOnCharacters(
  learnersOnCharacters.filter((name) => (learnerCatalogue[name] as LearnerEntry).family !== "gradient"),
);
