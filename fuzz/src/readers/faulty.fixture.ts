/** Readers that do what none may, so that the fuzzer can be seen to find it. */
import { spawnSync } from "node:child_process";
import { lookup } from "node:dns/promises";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataError } from "../../../packages/node/dist/data/data-error.js";
import { type Place, type Reader, WrongResult } from "../reader.js";

const input = new TextEncoder().encode("some input that is long enough to be made smaller");

const faulty = (name: string, run: (bytes: Uint8Array, place: Place) => unknown): Reader => ({
  name,
  reads: "nothing",
  sources: [],
  seeds: () => [input],
  run,
});

const kept: Uint8Array[] = [];

export const readers: readonly Reader[] = [
  faulty("good", (bytes, place) => {
    place.put("kept", bytes);
    throw new DataError("ILD71", "input", "it is refused", "As it should be.");
  }),
  // Only of inputs with an e in them: so they can be made smaller.
  faulty("uncoded", (bytes) => {
    if (bytes.includes(101)) throw new TypeError("x is not a function");
  }),
  faulty("wrong", () => {
    throw new WrongResult("3 values of shape (2)");
  }),
  faulty("message", () => {
    throw Object.assign(new Error("x".repeat(5000)), { code: "ILD71" });
  }),
  faulty("hang", () => {
    for (;;);
  }),
  faulty("never", () => new Promise(() => undefined)),
  faulty("memory", () => {
    while (kept.length < 24) kept.push(new Uint8Array(2 ** 26).fill(1));
  }),
  faulty("crash", () => process.abort()),
  faulty(
    "uncaught",
    () =>
      new Promise(() => {
        setTimeout(() => {
          throw new RangeError("in a callback");
        }, 1);
      }),
  ),
  faulty("written", () => writeFileSync(join(tmpdir(), "innerloop-fuzz-was-here"), "")),
  faulty("network: a look-up", () => lookup("example.org")),
  faulty("network: an address", () => new Promise((_, reject) => connect(80, "192.0.2.1").on("error", reject))),
  faulty("process", () => spawnSync("true")),
];
