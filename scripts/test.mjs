// npm test: installs and builds if needed, runs every test. Arguments go to Vitest: npm test -- laws
import { prepare, runTests } from "./workspace.mjs";

prepare();
process.exitCode = await runTests(process.argv.slice(2));
