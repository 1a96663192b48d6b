/** Writes docs/cli.md: `node packages/node/dist/cli/write-reference.js`. */
import { writeFileSync } from "node:fs";
import { commandLineReference } from "./help.js";

writeFileSync(new URL("../../../../docs/cli.md", import.meta.url), commandLineReference());
