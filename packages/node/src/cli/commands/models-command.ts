/** `innerloop models`: the learners that come trained. */
import { bytes } from "@innerloop/experiments";
import { type IncludedModel, models } from "@innerloop/models";
import type { Output } from "../output.js";
import { counted, hanging, roomIn } from "../terminal.js";

export async function modelsCommand(output: Output): Promise<void> {
  for (const { name, title, description, learner, license, data, figures, bytes: size } of Object.values(models)) {
    output.event({ type: "model", name, title, description, learner, license, data, figures, bytes: size });
    output.result(`  innerloop:${name}  ${title}`);
    const lines = [
      description,
      `${learner}, ${bytes(size)}, ${license}`,
      `data: ${data.map((each) => `${each.name} (${each.by}; ${each.license})`).join("; ")}`,
      ...figures.map(figureText),
    ];
    for (const line of lines) output.say(output.paint("dim", `    ${hanging(line, roomIn(), 4)}`));
    output.say();
  }
  output.say(output.paint("dim", '  load("innerloop:NAME") adapts one to your own examples'));
}

/** `0.942 ± 0.005: accuracy on 600 tasks from 50 held-out classes: 5-way 5-shot` */
function figureText({ mean, interval, protocol, steps }: IncludedModel["figures"][number]): string {
  const after = steps === 0 ? "" : ` after ${counted(steps, "step")}`;
  return `${shown(mean)} ± ${shown(interval)}${after}: ${protocol}`;
}

const shown = (value: number): string => (Math.abs(value) < 10 ? value.toFixed(3) : value.toPrecision(4));
