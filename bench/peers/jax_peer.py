"""Meta-steps in JAX on the CPU, to measure innerloop against. bench/peers/setup.sh makes its environment; peer_protocol.py says how it talks.

Each step - all tasks' meta-gradient, their mean, Adam - is one jitted function that donates its state. Variants:
  vmap     jit(vmap(grad)) with lax convolutions
  map      tasks one after another in the compiled program (lax.map), so that convolutions keep shared filters
  patches  jit(vmap(grad)) with convolutions written as patches and products, which vmap turns into batched products
"""

import os
import sys

from peer_protocol import adapting, initial_parameters, read_options, sample, serve

options = read_options(["vmap", "map", "patches"], __doc__)
problem = options.problem
if options.threads == 1 and hasattr(os, "sched_setaffinity"):
    # XLA makes a thread for each core that it may use.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import jaxlib  # noqa: E402
import numpy  # noqa: E402

images = problem.model == "conv"


def convolution(x, weight, bias, stride):
    if options.variant != "patches":
        padding = ((1, 1), (1, 1))
        return jax.lax.conv_general_dilated(x, weight, (stride, stride), padding, dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias
    n, height, width, channels = x.shape
    rows, columns = (height - 1) // stride + 1, (width - 1) // stride + 1
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    taps = [
        padded[:, i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride]
        for i in range(3)
        for j in range(3)
    ]
    patches = jnp.concatenate(taps, -1).reshape(n * rows * columns, 9 * channels)
    return (patches @ weight.reshape(9 * channels, -1) + bias).reshape(n, rows, columns, -1)


def batch_norm(x, scale, shift):
    centered = x - x.mean((0, 1, 2))
    return centered * (jax.lax.rsqrt((centered * centered).mean((0, 1, 2)) + 1e-5) * scale) + shift


def max_pool(x):
    # Of pairs: the gradient of a max over axes compares x with the maximum, which XLA may have rounded otherwise in another fusion.
    rows, columns = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    wide = jnp.maximum(x[:, 0:rows:2, :columns], x[:, 1:rows:2, :columns])
    return jnp.maximum(wide[:, :, 0::2], wide[:, :, 1::2])


def forward(p, x):
    if not images:
        for i in range(0, len(p) - 2, 2):
            x = jax.nn.relu(x @ p[i] + p[i + 1])
        return x @ p[-2] + p[-1]
    strided = problem.downsampling == "stride"
    for i in range(0, 16, 4):
        x = jax.nn.relu(batch_norm(convolution(x, p[i], p[i + 1], 2 if strided else 1), p[i + 2], p[i + 3]))
        if not strided:
            x = max_pool(x)
    features = x.mean((1, 2)) if strided else x.reshape(x.shape[0], -1)
    return features if problem.learner == "prototypical" else features @ p[16] + p[17]


def loss_of(prediction, y):
    if not images:
        return jnp.square(prediction - y).mean()
    return -jnp.take_along_axis(jax.nn.log_softmax(prediction), y[:, None], 1).mean()


def task_loss(parameters, sx, sy, qx, qy):
    """The query loss of one adapted task."""
    if problem.learner == "prototypical":
        prototypes = forward(parameters, sx).reshape(problem.ways, problem.shots, -1).mean(1)
        queries = forward(parameters, qx)
        squared = jnp.square(queries).sum(1, keepdims=True) - 2 * queries @ prototypes.T + jnp.square(prototypes).sum(1)
        return loss_of(-squared, qy)
    places = list(adapting(problem, len(parameters)))

    def support_loss(chosen, fast):
        whole = list(fast)
        for place, value in zip(places, chosen):
            whole[place] = value
        return loss_of(forward(whole, sx), sy)

    fast = list(parameters)
    for _ in range(problem.steps):
        at = fast if problem.order == 2 else [jax.lax.stop_gradient(p) for p in fast]
        gradients = jax.grad(support_loss)([at[place] for place in places], at)
        for place, g in zip(places, gradients):
            fast[place] = fast[place] - problem.innerLearningRate * g
    return loss_of(forward(fast, qx), qy)


def meta_gradient(parameters, batch):
    """Mean query loss and meta-gradient."""
    one = jax.value_and_grad(task_loss)
    if options.variant == "map":
        losses, gradients = jax.lax.map(lambda task: one(parameters, *task), batch)
    else:
        losses, gradients = jax.vmap(one, in_axes=(None, 0, 0, 0, 0))(parameters, *batch)
    return losses.mean(), [g.mean(0) for g in gradients]


def update(state, batch):
    """One meta-step: Adam on the meta-gradient."""
    parameters, first, second, count = state
    loss, gradients = meta_gradient(parameters, batch)
    count = count + 1
    first = [0.9 * m + 0.1 * g for m, g in zip(first, gradients)]
    second = [0.999 * v + 0.001 * g * g for v, g in zip(second, gradients)]
    rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    parameters = [p - rate * m / (jnp.sqrt(v) + 1e-8) for p, m, v in zip(parameters, first, second)]
    return (parameters, first, second, count), loss


def main():
    generator = numpy.random.default_rng(1)
    parameters = [jnp.asarray(p) for p in initial_parameters(problem, generator)]
    batches = [tuple(jnp.asarray(b) for b in sample(problem, problem.tasks, generator)) for _ in range(3)]
    state = (parameters, [jnp.zeros_like(p) for p in parameters], [jnp.zeros_like(p) for p in parameters], jnp.float32(0))
    jitted = jax.jit(update, donate_argnums=0)
    asked = jax.jit(meta_gradient)
    count = 0

    def step():
        nonlocal state, count
        state, loss = jitted(state, batches[count % len(batches)])
        count += 1
        # The parameters too, not only the loss, are there when the step ends.
        jax.block_until_ready(state)
        return float(loss)

    def gradient(values, batch):
        loss, gradients = asked([jnp.asarray(v) for v in values], tuple(jnp.asarray(b) for b in batch))
        return loss, [numpy.asarray(g) for g in gradients]

    return serve(options, "jax", {"jax": jax.__version__, "jaxlib": jaxlib.__version__}, step, gradient)


if __name__ == "__main__":
    sys.exit(main())
