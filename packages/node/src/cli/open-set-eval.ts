/** `innerloop eval RUN --open-set`: how well a run tells queries of its classes from queries of none of them. */
import {
  beyondTitle,
  checkpointText,
  figureTitle,
  flagOf,
  type OpenSetRequest,
  openSetFile,
  openSetSession,
  UsageError,
  writeResults,
} from "@innerloop/experiments";
import type { Executor } from "@innerloop/graph";
import type { InvocationOptions } from "./commands/registry.js";
import { markdownText } from "./markdown-text.js";
import type { Output } from "./output.js";
import { drawTable, markdownTable } from "./results-table.js";
import { commandHost, followed } from "./session-host.js";
import { duration, plusMinus, roomIn, withInterval } from "./terminal.js";

/**
 * Chooses the threshold on the validation classes and reports the test classes; writes both to the run's open-set.json
 * and open-set.md, from where `innerloop adapt --reject` has it: the last one counts.
 */
export async function openSetEval(
  request: OpenSetRequest,
  { executor, output, signal }: { readonly executor: Executor; readonly output: Output; readonly signal: AbortSignal },
): Promise<void> {
  const { run } = request;
  const outcome = await followed(commandHost(output, { signal }), (host) =>
    openSetSession(request, { ...host, executor }),
  );
  const { evaluation, learner, rule, seconds, notes, record } = outcome;
  const { checkpoint, iteration } = rule;
  const { draws } = evaluation;
  const countsClasses =
    draws && Object.values(evaluation.figures).some(({ poolInterval }) => poolInterval !== undefined);
  const rows = evaluation.described.map((each) => {
    const figure = evaluation.figures[each.name];
    return [
      figureTitle(each),
      withInterval(each, figure),
      ...(countsClasses ? [plusMinus(each, figure.poolInterval)] : []),
    ];
  });
  output.event({ type: "openSet", ...record });
  output.say();
  const shownTable = { header: ["", learner.name, ...(countsClasses ? [beyondTitle(draws)] : [])], rows };
  output.result(drawTable(shownTable, { paint: output.paint, room: roomIn() }));
  output.say();
  for (const note of notes) output.say(output.paint("dim", `  ${note}`));
  output.say(output.paint("dim", `  ${checkpointText(run.config, checkpoint, iteration)}; ${duration(seconds)}`));
  output.say();
  const table = markdownTable(shownTable);
  const facts = [...notes, checkpointText(run.config, checkpoint, iteration), `made by \`${run.config.command}\``];
  const title = `# ${markdownText(run.config.experiment)}, open set`;
  await writeResults(
    run,
    openSetFile,
    record,
    [title, "", ...table, "", ...facts.map((fact) => `- ${markdownText(fact)}`), ""].join("\n"),
  );
}

/** Whether an evaluation is to be one of open sets. @throws UsageError for options that do not go with that */
export function isOpenSetAsked(invocation: InvocationOptions): boolean {
  const given = (names: readonly (keyof InvocationOptions)[]) => names.find((name) => invocation[name] !== undefined);
  if (!invocation.openSet) {
    const idle = given(["unknownQueries", "openSetScore", "acceptance"]);
    if (idle) throw new UsageError(`${flagOf(idle)} is for --open-set`, "Give both, or leave it out");
    return false;
  }
  const other = given(["with", "figures"]) ?? ((invocation.batchNorm?.length ?? 0) > 1 ? "batchNorm" : undefined);
  if (!other) return true;
  throw new UsageError(`${flagOf(other)} asks for more than the one row of --open-set`, "Evaluate twice");
}
