// What a page that adapts and predicts takes of it.
export { decodeImages, workerExecutor } from "@innerloop/web";
export { load, maml, meanSquaredError, mlp, Run, sgd, tensor, toNumbers } from "innerloop";
