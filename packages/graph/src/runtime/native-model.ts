/** Programs in C as the bytes that executors load and stores keep. */
import { utf8ToBytes } from "@noble/hashes/utils.js";
import type { Estimate } from "../lowering/estimate.js";
import { type NativeProgram, nativeProgram } from "../native/program.js";
import type { NativeTarget } from "../native/target.js";
import type { Graph } from "../program/graph.js";
import { bytesPerElement, sizeOf } from "../program/tensor-type.js";

const magic = "innerloop native 1 ";

/** A program in C with its constants and the memory that it needs, as executors take it. */
export type NativeModel = Pick<NativeProgram, "source" | "constants" | "workspaceBytes">;

/** A graph as a program in C for a kind of processor: its bytes, what a run takes, which is exact, and a line for each call. */
export function writeNativeModel(
  graph: Graph,
  target: NativeTarget,
): { readonly bytes: Uint8Array; readonly estimate: Estimate; readonly outline: readonly string[] } {
  const program = nativeProgram(graph, target);
  const { source, constants, workspaceBytes } = program;
  const given = [...graph.inputs, ...graph.outputs].reduce(
    (sum, { dtype, shape }) => sum + sizeOf(shape) * bytesPerElement[dtype],
    0,
  );
  const peakBytes = given + constants.length + workspaceBytes;
  return {
    bytes: encodeNativeModel({ source, constants, workspaceBytes }),
    estimate: {
      operations: program.operations,
      matmulOperations: program.productOperations,
      peakBytes,
      residentBytes: peakBytes,
      constantBytes: constants.length,
      nodes: program.calls,
    },
    outline: program.outline,
  };
}

function encodeNativeModel({ source, constants, workspaceBytes }: NativeModel): Uint8Array {
  const text = utf8ToBytes(source);
  const head = utf8ToBytes(`${magic}${JSON.stringify([text.length, constants.length, workspaceBytes])}\n`);
  const bytes = new Uint8Array(head.length + text.length + constants.length);
  bytes.set(head);
  bytes.set(text, head.length);
  bytes.set(constants, head.length + text.length);
  return bytes;
}

/** The program of such bytes; undefined where they are something else, such as an ONNX model. */
export function readNativeModel(bytes: Uint8Array): NativeModel | undefined {
  const head = asciiOf(bytes.subarray(0, 200));
  if (!head.startsWith(magic)) return undefined;
  const end = head.indexOf("\n");
  const sizes: unknown = JSON.parse(head.slice(magic.length, end));
  const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (!Array.isArray(sizes) || sizes.length !== 3 || !sizes.every(isSize)) return undefined;
  const [sourceBytes, constantBytes, workspaceBytes] = sizes as [number, number, number];
  const from = end + 1;
  if (bytes.length !== from + sourceBytes + constantBytes) return undefined;
  return {
    source: asciiOf(bytes.subarray(from, from + sourceBytes)),
    constants: bytes.slice(from + sourceBytes),
    workspaceBytes,
  };
}

/** Programs are written in ASCII. */
function asciiOf(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8192) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  return parts.join("");
}
