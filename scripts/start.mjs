// npm start: installs and builds what is missing, then a first look at what innerloop does. Options: npm start -- --help
import { spawn } from "node:child_process";
import { join } from "node:path";
import { prepare, root } from "./workspace.mjs";

prepare();
const command = join(root, "packages", "node", "bin", "innerloop.js");
const child = spawn(process.execPath, [command, "start", ...process.argv.slice(2)], { stdio: "inherit" });
// Ctrl-C reaches the child by itself, which saves and says how to go on; this process waits for it to do so.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal ? 130 : 1);
});
