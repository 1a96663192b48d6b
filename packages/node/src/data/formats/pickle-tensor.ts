/** What pickles in the files of PyTorch hold beside plain data. */

/** Numbers that follow the pickles of a PyTorch file, by the key that they are found by there. */
export class TorchStorage {
  constructor(
    readonly type: TorchType,
    readonly key: string,
    readonly count: number,
  ) {}
}

/** Types of numbers in a PyTorch file. */
export type TorchType = "float32" | "int64";

/** A tensor of a PyTorch file: a part of a storage. */
export class PickledTensor {
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** What names there stand for. */
export type TorchName = "dictionary" | "tensor" | TorchType;

/** Names in the files that PyTorch writes, known in those alone. */
export const torchNames: ReadonlyMap<string, TorchName> = new Map([
  ["collections.OrderedDict", "dictionary"],
  ["torch._utils._rebuild_tensor_v2", "tensor"],
  ["torch.FloatStorage", "float32"],
  ["torch.LongStorage", "int64"],
]);
