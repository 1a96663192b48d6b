// npm run docs: writes the documents that come from the sources: docs/cli.md, FEATURES.md and docs/api.
import { must, prepare } from "./workspace.mjs";

prepare();
must(process.execPath, ["packages/node/dist/cli/write-reference.js"]);
must(process.execPath, ["scripts/api-reference.mjs"]);
