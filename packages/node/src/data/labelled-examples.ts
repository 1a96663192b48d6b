/** Stand-in for the type of the same name in package innerloop. */
export interface LabelledExamples {
  readonly name: string;
  readonly exampleShape: readonly number[];
  readonly classes: readonly {
    readonly name: string;
    readonly count: number;
    readonly examples: Uint8Array | Float32Array;
  }[];
}
