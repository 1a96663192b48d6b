#!/usr/bin/env node
// The command as processes of our own are started; people have it from the package innerloop.
import { main } from "../dist/cli/main.js";

await main(process.argv.slice(2));
