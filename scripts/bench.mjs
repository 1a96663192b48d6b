// npm run bench: meta-steps beside those of other libraries, in one run. See bench/README.md.
import { bin, must, prepare, run } from "./workspace.mjs";

prepare();
must(bin("tsc"), ["--build", "bench"]);
process.exitCode = run(process.execPath, ["bench/dist/run.js", ...process.argv.slice(2)]);
