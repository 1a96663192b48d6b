/** The commands, in the order in which help has them. */
import type { OptionValues } from "@innerloop/core/learners";
import type { Command, outputOptions } from "../command.js";
import { adapt, type adaptData, type adaptLearner } from "./adapt.js";
import { cacheClear, cacheInfo } from "./cache.js";
import { compare, type compareOutput } from "./compare.js";
import { dataGet, dataImport, dataList, dataVerify, type importTables } from "./data.js";
import { detect, type detectLearner, type detectTask } from "./detect.js";
import { type evalEvaluation, type evalOwn, evaluation } from "./eval.js";
import { type exportFolder, exportRun, verify } from "./export.js";
import { type importFiles, importWeights } from "./import.js";
import { recommend, type recommendLearner, type recommendTask } from "./recommend.js";
import { reproduce, type reproduceOutput, type reproduceRun } from "./reproduce.js";
import type { checkpointOption, figuresOption } from "./shared-options.js";
import { start } from "./start.js";
import { train, type trainEvaluation, type trainOwn } from "./train.js";

export const commands: readonly Command[] = [
  start,
  train,
  evaluation,
  compare,
  reproduce,
  adapt,
  recommend,
  detect,
  importWeights,
  exportRun,
  verify,
  dataList,
  dataGet,
  dataImport,
  dataVerify,
  cacheInfo,
  cacheClear,
] as unknown as readonly Command[];

/** What may be asked of a command beside the options of an experiment. */
export type InvocationOptions = Partial<
  OptionValues<typeof trainOwn> &
    OptionValues<typeof trainEvaluation> &
    OptionValues<typeof evalOwn> &
    OptionValues<typeof evalEvaluation> &
    OptionValues<typeof compareOutput> &
    OptionValues<typeof reproduceRun> &
    OptionValues<typeof reproduceOutput> &
    OptionValues<typeof adaptData> &
    OptionValues<typeof adaptLearner> &
    OptionValues<typeof recommendTask> &
    OptionValues<typeof recommendLearner> &
    OptionValues<typeof detectTask> &
    OptionValues<typeof detectLearner> &
    OptionValues<typeof exportFolder> &
    OptionValues<typeof importFiles> &
    OptionValues<typeof importTables> &
    OptionValues<typeof checkpointOption> &
    OptionValues<typeof figuresOption> &
    OptionValues<typeof outputOptions>
>;
