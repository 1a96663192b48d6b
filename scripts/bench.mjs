// npm run bench: speed of the second-order meta-step, beside PyTorch where it is installed. See bench/README.md.
import { bin, must, prepare, run } from "./workspace.mjs";

prepare();
must(bin("tsc"), ["--build", "bench"]);
process.exitCode = run(process.execPath, ["bench/dist/run.js", ...process.argv.slice(2)]);
