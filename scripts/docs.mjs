// npm run docs: what is written of the sources - docs/cli.md, FEATURES.md, docs/results.md, docs/runs.md and docs/api.
import { must, prepare } from "./workspace.mjs";

prepare();
must(process.execPath, ["packages/node/dist/cli/write-reference.js"]);
must(process.execPath, ["scripts/api-reference.mjs"]);
