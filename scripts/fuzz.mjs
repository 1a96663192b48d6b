// npm run fuzz: hostile inputs for every reader of outside bytes. See docs/security.md.
import { spawn } from "node:child_process";
import { prepare, root } from "./workspace.mjs";

prepare();
// Ctrl-C reaches the child too, which ends with its table: this process waits for it.
process.on("SIGINT", () => undefined);
const child = spawn(process.execPath, ["fuzz/dist/run.js", ...process.argv.slice(2)], { cwd: root, stdio: "inherit" });
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
