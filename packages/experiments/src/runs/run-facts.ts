/** A run as its domain is told of it. */
import { domainOf, flagTable, type RunFacts, uselessness, withFlags } from "../config/index.js";
import { argvWith, commandLine } from "./run-command.js";
import type { RunConfig } from "./run-config.js";

/**
 * The facts of a run; undefined where an experiment file brings learner and tasks of its own.
 *
 * @param shown how messages call the run
 */
export function factsOf(run: RunConfig, shown: string): RunFacts | undefined {
  const { config } = run;
  if (!config) return undefined;
  return {
    config,
    options: config.domain,
    spec: run.data,
    protocol: run.protocol,
    shown,
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
export const domainOfRun = ({ config }: Pick<RunConfig, "config">) => config && domainOf(config);
