/** The tensors of a dictionary that a pickle of PyTorch holds, by name. */
import { quoted } from "@innerloop/experiments";
import { DataError } from "../data-error.js";
import type { Pickled } from "./pickle.js";
import { PickledTensor } from "./pickle-tensor.js";

/** The way to the dictionary of tensors: ["state_dict"]. */
export type TensorRoot = readonly string[];

/** Tensors by name, and the names of what else is beside them. */
export interface ChosenTensors {
  readonly tensors: ReadonlyMap<string, PickledTensor>;
  readonly others: readonly string[];
}

/** Names of a file that a message tells. */
const mostTold = 20;

/**
 * The tensors in one dictionary of a file.
 *
 * @param root the way to it from the file's own; the file's own unless given
 * @throws DataError ILD84 where there is no such dictionary, or no tensor in it
 */
export function chosenTensors(whole: Pickled, root: TensorRoot = [], path: string): ChosenTensors {
  const wrong = (problem: string, remedy: string): DataError => new DataError("ILD84", path, problem, remedy);
  let found: Pickled = whole;
  for (const [i, key] of root.entries()) {
    const inside: Pickled | undefined =
      found instanceof Map ? (found as ReadonlyMap<string, Pickled>).get(key) : undefined;
    if (!(inside instanceof Map))
      throw wrong(
        `there is no dictionary ${quoted(root.slice(0, i + 1).join(" > "))} in it`,
        `There is ${namesIn(found)}.`,
      );
    found = inside;
  }
  if (!(found instanceof Map))
    throw wrong(
      "it holds no dictionary of tensors",
      "Save the state dictionary: torch.save(model.state_dict(), FILE).",
    );
  const tensors = new Map<string, PickledTensor>();
  const others: string[] = [];
  for (const [name, value] of found as ReadonlyMap<string, Pickled>) {
    if (value instanceof PickledTensor) tensors.set(name, value);
    else others.push(name);
  }
  if (tensors.size > 0) return { tensors, others };
  throw wrong(
    root.length === 0 ? "there are no tensors at the top of it" : `there are no tensors in ${quoted(root.join(" > "))}`,
    `Name the dictionary that has them in the map, "root": "state_dict". There is ${namesIn(found)}.`,
  );
}

/** `state_dict, optimizer, epoch` */
function namesIn(found: Pickled): string {
  if (!(found instanceof Map) || found.size === 0) return "nothing in it";
  const names = [...(found as ReadonlyMap<string, Pickled>).keys()];
  const told = names.slice(0, mostTold).map((name) => quoted(name));
  return `${told.join(", ")}${names.length > mostTold ? ` and ${names.length - mostTold} more` : ""}`;
}
