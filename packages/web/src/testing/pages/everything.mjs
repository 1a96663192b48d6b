// All that there is for a page: whoever uses a part of it loads less.
export * from "@innerloop/web";
export * from "innerloop";
export * as experiments from "innerloop/experiments";
