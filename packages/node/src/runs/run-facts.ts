import { domainOf, flagTable, type RunFacts, uselessness, withFlags } from "@innerloop/experiments";
import { argvWith, commandLine } from "./run-command.js";
import { type RunFolder, shown } from "./run-folder.js";

/** A run as its domain is told of it; undefined where an experiment file brings learner and tasks of its own. */
export function factsOf({ config: run, path }: Pick<RunFolder, "config" | "path">): RunFacts | undefined {
  const { config } = run;
  if (!config) return undefined;
  return {
    config,
    options: config.domain,
    spec: run.data,
    protocol: run.protocol,
    shown: shown(path),
    command: (flags) => {
      // What means nothing beside the new flags is left out of the command.
      const changed = withFlags(config, flags);
      const useless = flagTable().flatMap(({ name }) =>
        uselessness(name, changed) ? [[name, undefined] as const] : [],
      );
      return commandLine(argvWith(run.argv, { ...Object.fromEntries(useless), ...flags }));
    },
  };
}

/** The domain of a run, where it has one. */
export const domainOfRun = ({ config: { config } }: Pick<RunFolder, "config">) => config && domainOf(config);
