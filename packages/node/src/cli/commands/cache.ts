import { command, outputOptions } from "../command.js";

/** `innerloop cache info` */
export const cacheInfo = command({
  name: "cache info",
  args: "",
  takes: "",
  summary: "tells how many compiled models are kept, and where",
  details:
    "A program that was compiled once starts faster, since its model is kept; those used longest ago are removed. The environment variable INNERLOOP_CACHE names another folder, or is off.",
  examples: [["innerloop cache info", ""]],
  own: { Output: outputOptions },
  run: async ({ output }) => (await import("./cache-commands.js")).cacheInfoCommand(output),
});

/** `innerloop cache clear` */
export const cacheClear = command({
  name: "cache clear",
  args: "",
  takes: "",
  summary: "removes the compiled models that are kept",
  examples: [["innerloop cache clear", ""]],
  own: { Output: outputOptions },
  run: async ({ output }) => (await import("./cache-commands.js")).cacheClearCommand(output),
});
