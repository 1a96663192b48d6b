"""Meta-steps in PyTorch, to measure innerloop against. bench/peers/setup.sh makes its environment; peer_protocol.py says how it talks.

Variants:
  loop         task by task: torch.autograd.grad(create_graph=True) and a functional forward pass
  func         all tasks at once: torch.func.vmap over the adapted task's loss, torch.func.grad inside and outside
  patches      func with convolutions written as patches and products, which vmap turns into batched products
  compile      func through torch.compile (needs a C++ compiler; the first step takes a minute or more)
  higher       the task loop with higher.innerloop_ctx and its differentiable SGD
  learn2learn  the task loop with learn2learn's MAML: clone, adapt
"""

import sys

from peer_protocol import adapting, initial_parameters, read_options, sample, serve

options = read_options(["loop", "func", "patches", "compile", "higher", "learn2learn"], __doc__)
problem = options.problem

import numpy  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

torch.set_num_threads(options.threads)
versions = {"torch": torch.__version__}
functional = options.variant in ("func", "patches", "compile")
images = problem.model == "conv"
loss_of = F.cross_entropy if images else F.mse_loss


def inward(values):
    """A parameter in PyTorch's layout."""
    order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(values.ndim)
    return torch.tensor(numpy.ascontiguousarray(values.transpose(order) if order else values))


def outward(value):
    order = {4: (2, 3, 1, 0), 2: (1, 0)}.get(value.ndim)
    values = value.detach().numpy()
    return values.transpose(order) if order else values


def tensors(batch):
    x0, y0, x1, y1 = (torch.tensor(b) for b in batch)
    if images:
        x0, x1 = (x.permute(0, 1, 4, 2, 3).contiguous() for x in (x0, x1))
    return x0, y0, x1, y1


def batch_norm(x, scale, shift):
    if not functional:
        return F.batch_norm(x, None, None, scale, shift, training=True, eps=1e-5)
    # Through torch.func, F.batch_norm in torch 2.15 gives a meta-gradient off by up to some 5% along a direction.
    centered = x - x.mean((0, 2, 3), keepdim=True)
    inverse = torch.rsqrt((centered * centered).mean((0, 2, 3), keepdim=True) + 1e-5)
    return centered * (inverse * scale[:, None, None]) + shift[:, None, None]


def convolution(x, weight, bias, stride):
    if options.variant != "patches":
        return F.conv2d(x, weight, bias, stride=stride, padding=1)
    n, _, height, width = x.shape
    patches = F.unfold(x, 3, padding=1, stride=stride)  # [n, channels 9, pixels]
    out = weight.reshape(weight.shape[0], -1) @ patches + bias[:, None]
    return out.reshape(n, weight.shape[0], (height - 1) // stride + 1, (width - 1) // stride + 1)


def forward(p, x):
    """The network: parameters in order, images [n, c, h, w] or numbers [n, 1]."""
    if not images:
        for i in range(0, len(p) - 2, 2):
            x = F.relu(F.linear(x, p[i], p[i + 1]))
        return F.linear(x, p[-2], p[-1])
    strided = problem.downsampling == "stride"
    for i in range(0, 16, 4):
        x = F.relu(batch_norm(convolution(x, p[i], p[i + 1], 2 if strided else 1), p[i + 2], p[i + 3]))
        if not strided:
            x = F.max_pool2d(x, 2)
    features = x.mean((2, 3)) if strided else x.permute(0, 2, 3, 1).flatten(1)
    return features if problem.learner == "prototypical" else F.linear(features, p[16], p[17])


def prototypical_loss(parameters, sx, sy, qx, qy):
    """Rows come grouped by class, so that a mean over an axis makes the prototypes."""
    prototypes = forward(parameters, sx).unflatten(0, (problem.ways, problem.shots)).mean(1)
    queries = forward(parameters, qx)
    squared = (queries * queries).sum(1, keepdim=True) - 2 * queries @ prototypes.T + (prototypes * prototypes).sum(1)
    return F.cross_entropy(-squared, qy)


def moved(parameters, gradients):
    out = list(parameters)
    for at, g in zip(adapting(problem, len(out)), gradients):
        out[at] = out[at] - problem.innerLearningRate * g
    return out


def adapted_task_loss(parameters, sx, sy, qx, qy):
    """The query loss of one adapted task, by autograd."""
    if problem.learner == "prototypical":
        return prototypical_loss(parameters, sx, sy, qx, qy)
    fast = parameters
    for _ in range(problem.steps):
        chosen = [fast[at] for at in adapting(problem, len(fast))]
        loss = loss_of(forward(fast, sx), sy)
        fast = moved(fast, torch.autograd.grad(loss, chosen, create_graph=problem.order == 2))
    return loss_of(forward(fast, qx), qy)


def loop_gradient(parameters, *batch):
    """Mean query loss and meta-gradient, task by task."""
    parameters = [p.detach().requires_grad_() for p in parameters]
    count, total = len(batch[0]), 0.0
    for task in zip(*batch):
        loss = adapted_task_loss(parameters, *task)
        loss.backward()
        total += loss.item()
    return total / count, [p.grad.div_(count) for p in parameters]


def functional_task_loss(parameters, sx, sy, qx, qy):
    """The same as a pure function for torch.func."""
    if problem.learner == "prototypical":
        return prototypical_loss(parameters, sx, sy, qx, qy)
    fast = list(parameters)
    for _ in range(problem.steps):
        # First order: the inner gradient is taken at constants, so nothing of it is kept for the outer one.
        at = fast if problem.order == 2 else [p.detach() for p in fast]

        def support_loss(chosen):
            whole = list(at)
            for place, value in zip(adapting(problem, len(whole)), chosen):
                whole[place] = value
            return loss_of(forward(whole, sx), sy)

        fast = moved(fast, torch.func.grad(support_loss)([at[place] for place in adapting(problem, len(at))]))
    return loss_of(forward(fast, qx), qy)


def mapped_loss(parameters, *batch):
    return torch.func.vmap(functional_task_loss, in_dims=(None, 0, 0, 0, 0))(parameters, *batch).mean()


mapped = torch.func.grad_and_value(mapped_loss)
if options.variant == "compile":
    mapped = torch.compile(mapped, fullgraph=True, dynamic=False)


def functional_gradient(parameters, *batch):
    gradients, loss = mapped(parameters, *batch)
    return loss.item(), list(gradients)


class Network(torch.nn.Module):
    """The same network as a module, which higher and learn2learn ask for."""

    def __init__(self, parameters):
        super().__init__()
        self.all = torch.nn.ParameterList([torch.nn.Parameter(p.detach().clone()) for p in parameters])

    def forward(self, x):
        return forward(list(self.all), x)


class Head(torch.nn.Module):
    """ANIL as learn2learn's example has it: the body is shared, the head alone is wrapped."""

    def __init__(self, parameters):
        super().__init__()
        self.weight, self.bias = (torch.nn.Parameter(p.detach().clone()) for p in parameters)

    def forward(self, features):
        return F.linear(features, self.weight, self.bias)


def higher_gradient(parameters, *batch):
    import higher

    if problem.adapts == "head":
        raise NotImplementedError("higher adapts whole modules")
    network, count, total = Network(parameters), len(batch[0]), 0.0
    inner = torch.optim.SGD(network.parameters(), lr=problem.innerLearningRate)
    for sx, sy, qx, qy in zip(*batch):
        second = problem.order == 2
        with higher.innerloop_ctx(network, inner, copy_initial_weights=False, track_higher_grads=second) as (fast, moving):
            for _ in range(problem.steps):
                moving.step(loss_of(fast(sx), sy))
            loss = loss_of(fast(qx), qy)
            if second:
                loss.backward()
            else:
                # Without higher gradients the fast weights are leaves: their gradient is FOMAML's.
                for p, g in zip(network.parameters(), torch.autograd.grad(loss, fast.parameters())):
                    p.grad = g.clone() if p.grad is None else p.grad.add_(g)
            total += loss.item()
    return total / count, [p.grad.div_(count) for p in network.all]


def learn2learn_gradient(parameters, *batch):
    maml = learn2learn_maml()
    head = problem.adapts == "head"
    body = [p.detach().requires_grad_() for p in parameters[:-2]] if head else []
    inner = Head(parameters[-2:]) if head else Network(parameters)
    learner = maml(inner, lr=problem.innerLearningRate, first_order=problem.order == 1)
    count, total = len(batch[0]), 0.0

    def features(x):
        return body_features(body, x) if head else x

    for sx, sy, qx, qy in zip(*batch):
        task = learner.clone()
        support = features(sx)
        for _ in range(problem.steps):
            task.adapt(loss_of(task(support), sy))
        loss = loss_of(task(features(qx)), qy)
        loss.backward()
        total += loss.item()
    return total / count, [p.grad.div_(count) for p in [*body, *inner.parameters()]]


def body_features(body, x):
    strided = problem.downsampling == "stride"
    for i in range(0, 16, 4):
        x = F.relu(batch_norm(convolution(x, body[i], body[i + 1], 2 if strided else 1), body[i + 2], body[i + 3]))
        if not strided:
            x = F.max_pool2d(x, 2)
    return x.mean((2, 3)) if strided else x.permute(0, 2, 3, 1).flatten(1)


def learn2learn_maml():
    """learn2learn's own class. Its package also imports gym, torchvision and compiled data loaders, which MAML does not need
    and which do not build here: setup.sh unpacks the release, and only the modules of MAML are imported."""
    import importlib
    import pathlib
    import sysconfig
    import types

    if "learn2learn" not in sys.modules:
        root = pathlib.Path(sysconfig.get_path("data")) / "learn2learn" / "learn2learn"
        if not root.is_dir():
            raise ModuleNotFoundError("learn2learn is not unpacked in the environment: bench/peers/setup.sh does that")
        for name, path in (("learn2learn", root), ("learn2learn.algorithms", root / "algorithms")):
            shell = types.ModuleType(name)
            shell.__path__ = [str(path)]
            sys.modules[name] = shell
    return importlib.import_module("learn2learn.algorithms.maml").MAML


meta_gradient = {"loop": loop_gradient, "higher": higher_gradient, "learn2learn": learn2learn_gradient}.get(
    options.variant, functional_gradient
)


def main():
    if options.variant in ("higher", "learn2learn"):
        if problem.learner != "maml":
            raise SystemExit(f"{options.variant} is for MAML")
        if options.variant == "higher":
            import importlib.metadata

            versions["higher"] = importlib.metadata.version("higher")
        else:
            learn2learn_maml()
            versions["learn2learn"] = __import__("learn2learn._version", fromlist=["__version__"]).__version__
    generator = numpy.random.default_rng(1)
    parameters = [inward(p).requires_grad_() for p in initial_parameters(problem, generator)]
    # A few meta-batches, taken in turn: sampling is not timed.
    batches = [tensors(sample(problem, problem.tasks, generator)) for _ in range(3)]
    adam = torch.optim.Adam(parameters, lr=1e-3)
    count = 0

    def step():
        nonlocal count
        loss, gradients = meta_gradient([p.detach() for p in parameters], *batches[count % len(batches)])
        count += 1
        for p, g in zip(parameters, gradients):
            p.grad = g
        adam.step()
        return loss

    def gradient(values, batch):
        loss, gradients = meta_gradient([inward(v) for v in values], *tensors(batch))
        return loss, [outward(g) for g in gradients]

    return serve(options, "torch", versions, step, gradient)


if __name__ == "__main__":
    sys.exit(main())
