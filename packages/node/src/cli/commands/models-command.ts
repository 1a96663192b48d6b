/** `innerloop models`: the learners that come trained. */
import { bytes } from "@innerloop/experiments";
import { models } from "@innerloop/models";
import type { Output } from "../output.js";
import { hanging, roomIn } from "../terminal.js";

export async function modelsCommand(output: Output): Promise<void> {
  for (const { name, title, description, learner, license, data, figures, bytes: size } of Object.values(models)) {
    output.event({ type: "model", name, title, description, learner, license, data, figures, bytes: size });
    output.result(`  innerloop:${name}  ${title}`);
    const lines = [
      description,
      `${learner}, ${bytes(size)}, ${license}`,
      `data: ${data.map((each) => `${each.name} (${each.by}; ${each.license})`).join("; ")}`,
      ...figures.map(
        (each) => `${each.title} ${shown(each.mean)} ± ${shown(each.interval)}, ${each.tasks} tasks: ${each.protocol}`,
      ),
    ];
    for (const line of lines) output.say(output.paint("dim", `    ${hanging(line, roomIn(), 4)}`));
    output.say();
  }
  output.say(output.paint("dim", '  load("innerloop:NAME") adapts one to your own examples'));
}

const shown = (value: number): string => (Math.abs(value) < 10 ? value.toFixed(3) : value.toPrecision(4));
