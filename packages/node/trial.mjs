import { train, evaluate, splitClasses, adam } from "@innerloop/core";
import { sceneEpisodes, prototypeDetector, detectorNetwork, detectionLoss } from "@innerloop/core/detection";
import { machineIo, workerPoolExecutor } from "@innerloop/node";
const N = Number(process.argv[2] ?? 40);
const io = machineIo;
const { examples } = await io.dataset("hanzi", { onProgress() {} });
const parts = splitClasses(examples, { train: 700, validation: 100, test: 200 }, 1);
const network = detectorNetwork({ imageShape: [112, 112, 1] });
const learner = prototypeDetector({ network, classes: 3, loss: detectionLoss({ stride: 4 }) });
const executor = workerPoolExecutor({ workers: 1 });
const t0 = performance.now();
let last = t0;
const { params } = await train({ learner, tasks: sceneEpisodes(parts.train, { ways: 3, shots: 1 }), optimizer: adam({ learningRate: 2e-3 }), metaBatchSize: 2, iterations: N, seed: 0, executor, progress: false,
  onEvent: (e) => { if (e.type === "iteration" && e.iteration % 10 === 0) { console.log(e.iteration, e.loss.toFixed(3), ((performance.now()-last)/10).toFixed(0), "ms"); last = performance.now(); } } });
const { rows } = await evaluate({ learner, params, tasks: sceneEpisodes(parts.test, { ways: 3, shots: 1 }), count: 20, steps: [0], executor });
console.log(JSON.stringify(rows[0].figures), ((performance.now()-t0)/1000).toFixed(0), "s");
await executor.close();
