/** What pickles in the files of PyTorch hold beside plain data. */
import type { HalfType } from "@innerloop/core/training";

/** Numbers that follow the pickles of a PyTorch file, by the key that they are found by there. */
export class TorchStorage {
  constructor(
    readonly type: TorchType,
    readonly key: string,
    readonly count: number,
  ) {}
}

/** Types of numbers in a PyTorch file. */
export type TorchType = "float32" | "float64" | HalfType | "int64";

/** A tensor of a PyTorch file: a part of a storage. */
export class PickledTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** Storages of numbers, as the pickles name them. */
const storageTypes: ReadonlyMap<string, TorchType> = new Map([
  ["torch.FloatStorage", "float32"],
  ["torch.DoubleStorage", "float64"],
  ["torch.HalfStorage", "float16"],
  ["torch.BFloat16Storage", "bfloat16"],
  ["torch.LongStorage", "int64"],
]);

/** A name there: what stands for it, and of a storage the type of its numbers. */
export type TorchName = "dictionary" | "tensor" | "storage";

/** What a name of PyTorch's own stands for, known in its files alone. */
export function torchName(name: string): { readonly name: TorchName; readonly type?: TorchType } | undefined {
  const type = storageTypes.get(name);
  if (type) return { name: "storage", type };
  if (name === "collections.OrderedDict") return { name: "dictionary" };
  return name === "torch._utils._rebuild_tensor_v2" ? { name: "tensor" } : undefined;
}
