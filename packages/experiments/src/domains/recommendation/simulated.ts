/** The ratings that come along: simulated, and said to be. */
import { preferences } from "@innerloop/core/tasks";
import type { FoundInteractions } from "../../rating-io.js";

/** The name of ratings that are simulated. */
export const simulatedPreferences = "preferences";

/** Users of the simulation: 200 items, six factors. */
const users = 3000;

/** The simulated ratings. */
export function simulatedRatings(): FoundInteractions {
  const { interactions } = preferences({ users });
  return {
    interactions: { ...interactions, name: "preferences (simulated)" },
    sha256: "",
    notes: [`simulated: no person has given these ratings`],
  };
}
