/** Writes docs/cli.md and FEATURES.md: `node packages/node/dist/cli/write-reference.js`. */
import { writeFileSync } from "node:fs";
import { featuresMarkdown } from "./features.js";
import { commandLineReference } from "./help.js";

writeFileSync(new URL("../../../../docs/cli.md", import.meta.url), commandLineReference());
writeFileSync(new URL("../../../../FEATURES.md", import.meta.url), await featuresMarkdown());
