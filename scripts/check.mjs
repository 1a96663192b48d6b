// npm run check: everything that CI runs - types, lint and format, layering, tests.
import { bin, prepare, run, runTests } from "./workspace.mjs";

prepare();
const steps = [
  ["types of tests, examples and bench", bin("tsc"), ["--noEmit", "--project", "tsconfig.tests.json"]],
  ["lint and format", bin("biome"), ["ci", "."]],
  ["layers", process.execPath, ["scripts/check-layers.mjs"]],
];
let failures = 0;
for (const [what, command, args] of steps) {
  console.log(`\n== ${what}`);
  if (run(command, args) !== 0) failures++;
}
console.log("\n== tests");
const status = await runTests();
process.exitCode = failures > 0 ? 1 : status;
