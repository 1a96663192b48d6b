/** The processor that a program is compiled for. */
export interface NativeTarget {
  /** Bytes of a vector register: 16 (SSE, NEON), 32 (AVX2) or 64 (AVX-512). */
  readonly vectorBytes: 16 | 32 | 64;
  /** Vector registers: 16, or 32 of AVX-512 and NEON. */
  readonly registers: 16 | 32;
  /** Elements of the arrays of a call from which on threads share it: they meet again in about a microsecond. 4096 unless given. */
  readonly sharedFrom?: number;
  /** No C library: what it would give of functions comes from outside, by their names. */
  readonly freestanding?: true;
}

/** WebAssembly with SIMD: vectors of 16 bytes, as many as engines have registers for. No other instruction set is asked for. */
export const wasmTarget: NativeTarget = { vectorBytes: 16, registers: 16, freestanding: true };
