/** Options that several commands have alike. */
import { optionGroup } from "@innerloop/core/learners";
import { figureChoices } from "@innerloop/experiments";

export const checkpointOption = optionGroup({
  checkpoint: {
    kind: "choice",
    choices: ["best", "last"],
    absent: "the best of the validations, where there were any",
    help: "which parameters; the best of the validations unless given, where there were any",
  },
});

export const runOption = optionGroup({
  run: {
    kind: "text",
    placeholder: "DIR",
    absent: "runs/NAME-DATE",
    help: "run folder; runs/NAME-DATE by default",
  },
});

export const skipBaselinesOption = optionGroup({
  skipBaselines: { kind: "flag", default: false, help: "leave out the baselines", onResume: true },
});

export const figuresOption = optionGroup({
  figures: {
    kind: "texts",
    placeholder: "NAME,...",
    absent: "the leading one",
    help: `what to show, a table each: ${figureChoices.join(", ")}, or any other of the figures in results.json by its name or title`,
  },
});
