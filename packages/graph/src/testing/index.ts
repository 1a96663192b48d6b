/** For tests of this and other packages: examples of all primitives, laws, and published reference gradients. */
export * from "./examples.js";
export * from "./laws.js";
export * from "./random-programs.js";
export * from "./reference-cases.js";
