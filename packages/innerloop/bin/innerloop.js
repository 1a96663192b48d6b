#!/usr/bin/env node
import { main } from "@innerloop/node/command-line";

await main(process.argv.slice(2));
