/** What a result must be whatever the input was. */
import type { LabelledExamples } from "@innerloop/core";
import { outcomeOf } from "../outcome.js";
import { WrongResult } from "../reader.js";

/** @throws WrongResult where the examples do not fit their shape, or are not finite */
export function checkExamples({ exampleShape, classes }: LabelledExamples): void {
  const size = exampleShape.reduce((product, length) => product * length, 1);
  const names = new Set(classes.map(({ name }) => name));
  if (names.size !== classes.length) throw new WrongResult("two classes have the same name");
  for (const { name, count, examples } of classes) {
    if (examples.length !== count * size)
      throw new WrongResult(`class ${name}: ${examples.length} values of ${count} examples of ${size}`);
    if (count < 1) throw new WrongResult(`class ${name} has no examples`);
    if (examples instanceof Float32Array && !examples.every(Number.isFinite))
      throw new WrongResult(`class ${name} holds a value that is not finite`);
  }
}

/** @throws WrongResult where an array does not have the values of its shape */
export function checkArray({
  shape,
  values,
}: {
  readonly shape: readonly number[];
  readonly values: { readonly length: number };
}): void {
  const count = shape.reduce((product, length) => product * length, 1);
  if (values.length !== count) throw new WrongResult(`${values.length} values of shape (${shape.join(", ")})`);
}

/** Lets an error of a code pass, where what is read next is to be tried all the same. */
export function requireCode(error: unknown): void {
  if (outcomeOf(error).is !== "refused") throw error;
}
