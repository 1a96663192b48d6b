/** The record of a network: what it is for, its options, and how it is made. */
import type { Tensor, Tree } from "@innerloop/graph";
import type { OptionGroup, OptionValues } from "../options/option.js";
import type { NetworkSetting, Networks } from "./network-forms.js";

/**
 * A network by its options: of the catalogue, or a kind of task's own.
 *
 * @typeParam X inputs of n examples
 */
export interface NetworkEntry<O extends OptionGroup = OptionGroup, X extends Tree = Tensor> {
  /** One word or two: "convolutional". */
  readonly summary: string;
  readonly options: O;
  /** Whether its last layer is all there is of it. */
  readonly isHeadAlone?: true;
  /** The numbers of dimensions that one input may have; any by default. */
  readonly inputRanks?: readonly number[];
  /** What is wrong with these options for these shapes, if anything, in the words of options. */
  problem?(setting: NetworkSetting, options: OptionValues<O>): OptionProblem | undefined;
  networks(setting: NetworkSetting, options: OptionValues<O>): Networks<X>;
  /** `4 convolutions of 64` */
  describe(setting: NetworkSetting, options: OptionValues<O>): string;
}

/** Something wrong with options: what, and what to do. `name` is the option that it is about. */
export interface OptionProblem {
  readonly name: string;
  readonly problem: string;
  readonly remedy: string;
}

/** A network from its record, with the types of its options and inputs. */
export const network = <const O extends OptionGroup, X extends Tree = Tensor>(
  record: NetworkEntry<O, X>,
): NetworkEntry<O, X> => record;
