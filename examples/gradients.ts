// The compiler on its own: gradients of gradients, one task's function for all tasks, and a program on onnxruntime.
import { fileURLToPath } from "node:url";
import { defaultExecutor } from "innerloop";
import { compile, grad, matmul, mean, mul, sub, sum, type Tensor, tensor, vmap } from "innerloop/graph";

export async function main() {
  const executor = await defaultExecutor();
  const show = (name: string, x: Tensor) => console.log(`${name}: ${Array.from(x.data as Float32Array).join(", ")}`);

  // d/dx sum(x^3) = 3 x^2, and the derivative of its sum is 6 x.
  const cubes = (x: Tensor) => sum(mul(x, mul(x, x)));
  const slope = grad(cubes);
  const curvature = grad((x: Tensor) => sum(slope(x)));
  const x = tensor([1, 2, 3]);
  const first = await compile(slope, { executor })(x);
  const second = await compile(curvature, { executor })(x);
  show("first derivatives", first);
  show("second derivatives", second);

  // A gradient step of one linear regression, written for one data set ...
  const loss = (w: Tensor, inputs: Tensor, targets: Tensor) => {
    const error = sub(matmul(inputs, w), targets);
    return mean(mul(error, error));
  };
  const step = (w: Tensor, inputs: Tensor, targets: Tensor) => sub(w, mul(grad(loss)(w, inputs, targets), 0.1));
  // ... and run for three data sets at once, from one shared start: no loop is left in the program.
  const steps = compile(vmap(step, [null, 0, 0]), { executor });
  const inputs = tensor([
    [[1], [2]],
    [[1], [3]],
    [[2], [2]],
  ]);
  const targets = tensor([
    [[1], [2]],
    [[2], [6]],
    [[0], [0]],
  ]);
  const adapted = await steps(tensor([[0]]), inputs, targets);
  show("weights after a step, one for each data set", adapted);
  return { first, second, adapted };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
