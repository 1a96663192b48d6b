"""MAML meta-steps in PyTorch, to measure innerloop against. Make its environment with bench/peers/setup.sh.

    .venv/bin/python bench/peers/torch_maml.py --workload sinusoid --steps 1 --variant loop --threads 2
    .venv/bin/python bench/peers/torch_maml.py --workload omniglot --steps 5 --variant func --rounds 3
    .venv/bin/python bench/peers/torch_maml.py --workload omniglot --dtype float64 --check

Variants:
  loop     task by task, torch.autograd.grad(create_graph=True) and a functional forward pass, the query loss's backward()
           accumulating the meta-gradient: what learn2learn and higher do
  func     all tasks at once: torch.func.vmap over the adapted task's loss, torch.func.grad inside and outside
  compile  func through torch.compile (needs a C++ compiler; the first step takes a minute or more)

Without --rounds it is driven from standard input, one JSON object a line, and answers each with one JSON line. The first line it
writes, when it is warm, is a header with versions and settings.
  {"command":"round","repeats":5}   {"milliseconds":[...]}, one for each whole meta-step: every task's meta-gradient, their mean, Adam
  {"command":"peak"}                {"gflops":...,"milliseconds":[...]}, products of two 1024 x 1024 matrices
  {"command":"gradient","parameters":{name: nested list},"tasks":[{"supportX","supportY","queryX","queryY"}]}
                                    {"loss":...,"gradient":{name: nested list}}, the means over these tasks; no state changes
  {"command":"quit"}                {"quit":true}
A command that cannot be carried out is answered with {"error":...}.

Layouts in "gradient" are innerloop's: images [n, h, w, c], filters [kh, kw, in, out], linear weights [in, out]. Classes are indices
or one-hot rows. Names: sinusoid 0/weight, 0/bias to 2/bias; omniglot 0/weight, 0/bias, 0/scale, 0/shift to 3/shift, head/weight, head/bias.
"""

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--workload", choices=["sinusoid", "omniglot"], default="sinusoid")
arguments.add_argument("--variant", choices=["loop", "func", "compile"], default="loop")
arguments.add_argument("--steps", type=int, default=1, help="inner steps")
arguments.add_argument("--order", type=int, choices=[1, 2], default=2)
arguments.add_argument("--tasks", type=int, default=0, help="tasks in a meta-step (default: 25 for sinusoid, 32 for omniglot)")
arguments.add_argument("--chunk", type=int, default=0, help="func and compile: tasks mapped at a time (default: all)")
arguments.add_argument("--threads", type=int, default=2)
arguments.add_argument("--dtype", choices=["float32", "float64"], default="float32")
arguments.add_argument("--warmup", type=float, default=2.0, help="seconds of meta-steps before the header (3 steps at least)")
arguments.add_argument("--rounds", type=int, default=0, help="run this many rounds, print them and exit, reading nothing")
arguments.add_argument("--repeats", type=int, default=5, help="meta-steps in a round of --rounds")
arguments.add_argument("--check", action="store_true", help="compare the gradient with finite differences and exit")
options = arguments.parse_args()

# Before torch loads its thread pools.
os.environ.setdefault("OMP_NUM_THREADS", str(options.threads))
os.environ.setdefault("MKL_NUM_THREADS", str(options.threads))

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

torch.set_num_threads(options.threads)
dtype = getattr(torch, options.dtype)
task_keys = ("supportX", "supportY", "queryX", "queryY")


class Sinusoid:
    """Regression of one sine wave a task: MLP 1-40-40-1, K = 10."""

    rate, tasks = 0.01, 25
    loss = staticmethod(F.mse_loss)
    sizes = (1, 40, 40, 1)

    def init(self):
        parameters = {}
        for i, (inputs, outputs) in enumerate(zip(self.sizes, self.sizes[1:])):
            parameters[f"{i}/weight"] = torch.randn(outputs, inputs, dtype=dtype) * math.sqrt(2 / inputs)
            parameters[f"{i}/bias"] = torch.zeros(outputs, dtype=dtype)
        return parameters

    def forward(self, p, x):
        x = F.relu(F.linear(x, p["0/weight"], p["0/bias"]))
        x = F.relu(F.linear(x, p["1/weight"], p["1/bias"]))
        return F.linear(x, p["2/weight"], p["2/bias"])

    def sample(self, tasks):
        amplitude = torch.rand(tasks, 1, 1, dtype=dtype) * 4.9 + 0.1
        phase = torch.rand(tasks, 1, 1, dtype=dtype) * math.pi
        x = [torch.rand(tasks, 10, 1, dtype=dtype) * 10 - 5 for _ in range(2)]
        y = [amplitude * torch.sin(v - phase) for v in x]
        return x[0], y[0], x[1], y[1]

    def inputs(self, x):
        return x

    def targets(self, y):
        return torch.tensor(y, dtype=dtype)


def batch_norm(x, scale, shift):
    if options.variant == "loop":
        return F.batch_norm(x, None, None, scale, shift, training=True, eps=1e-5)
    # Through torch.func, F.batch_norm in torch 2.15 gave a meta-gradient off by up to some 5% along a direction (--check found it).
    centered = x - x.mean((0, 2, 3), keepdim=True)
    inverse = torch.rsqrt((centered * centered).mean((0, 2, 3), keepdim=True) + 1e-5)
    return centered * (inverse * scale[:, None, None]) + shift[:, None, None]


class Omniglot:
    """5-way 1-shot: four convolutions of 64 filters with batch norm over the set at hand, global mean, linear."""

    rate, tasks = 0.4, 32
    loss = staticmethod(F.cross_entropy)

    def init(self):
        parameters = {}
        for i, channels in enumerate((1, 64, 64, 64)):
            bound = math.sqrt(6 / (9 * (channels + 64)))
            parameters[f"{i}/weight"] = (torch.rand(64, channels, 3, 3, dtype=dtype) * 2 - 1) * bound
            parameters[f"{i}/bias"] = torch.zeros(64, dtype=dtype)
            parameters[f"{i}/scale"] = torch.ones(64, dtype=dtype)
            parameters[f"{i}/shift"] = torch.zeros(64, dtype=dtype)
        parameters["head/weight"] = torch.randn(5, 64, dtype=dtype) * 0.1
        parameters["head/bias"] = torch.zeros(5, dtype=dtype)
        return parameters

    def forward(self, p, x):
        for i in range(4):
            x = F.conv2d(x, p[f"{i}/weight"], p[f"{i}/bias"], stride=2, padding=1)
            x = F.relu(batch_norm(x, p[f"{i}/scale"], p[f"{i}/shift"]))
        return F.linear(x.mean((2, 3)), p["head/weight"], p["head/bias"])

    def sample(self, tasks):
        # A pattern for each class plus noise: as much work as letters are, and adapting succeeds.
        pattern = torch.rand(tasks, 5, 1, 28, 28, dtype=dtype)
        x = [pattern + 0.3 * torch.randn(tasks, 5, 1, 28, 28, dtype=dtype) for _ in range(2)]
        y = torch.arange(5).repeat(tasks, 1)
        return x[0], y, x[1], y

    def inputs(self, x):
        return x.permute(0, 3, 1, 2).contiguous()

    def targets(self, y):
        return torch.tensor(y, dtype=dtype) if isinstance(y[0], list) else torch.tensor([int(label) for label in y])


model = {"sinusoid": Sinusoid, "omniglot": Omniglot}[options.workload]()
task_count = options.tasks or model.tasks


def loop_gradient(parameters, sx, sy, qx, qy):
    """Mean query loss and meta-gradient, task by task."""
    second = options.order == 2
    parameters = {k: p.detach().requires_grad_() for k, p in parameters.items()}
    total = 0.0
    for task in range(len(sx)):
        fast = parameters
        for _ in range(options.steps):
            loss = model.loss(model.forward(fast, sx[task]), sy[task])
            gradients = torch.autograd.grad(loss, list(fast.values()), create_graph=second)
            fast = {k: p - model.rate * g for (k, p), g in zip(fast.items(), gradients)}
        loss = model.loss(model.forward(fast, qx[task]), qy[task])
        loss.backward()
        total += loss.item()
    return total / len(sx), {k: p.grad.div_(len(sx)) for k, p in parameters.items()}


def task_loss(parameters, sx, sy, qx, qy):
    """The query loss of one adapted task, as a pure function for torch.func."""

    def support_loss(fast):
        return model.loss(model.forward(fast, sx), sy)

    fast = parameters
    for _ in range(options.steps):
        # First order: the inner gradient is taken at constants, so nothing of it is kept for the outer one.
        at = fast if options.order == 2 else {k: p.detach() for k, p in fast.items()}
        gradients = torch.func.grad(support_loss)(at)
        fast = {k: p - model.rate * gradients[k] for k, p in fast.items()}
    return model.loss(model.forward(fast, qx), qy)


def mapped_loss(parameters, *batch):
    return torch.func.vmap(task_loss, in_dims=(None, 0, 0, 0, 0))(parameters, *batch).sum()


mapped = None


def func_gradient(parameters, *batch):
    """Mean query loss and meta-gradient, tasks mapped by torch.func."""
    global mapped
    if mapped is None:
        mapped = torch.func.grad_and_value(mapped_loss)
        if options.variant == "compile":
            mapped = torch.compile(mapped, fullgraph=True, dynamic=False)
    count = len(batch[0])
    chunk = options.chunk or count
    total, sums = 0.0, None
    for start in range(0, count, chunk):
        gradients, loss = mapped(parameters, *(b[start : start + chunk] for b in batch))
        total += loss.item()
        if sums is None:
            sums = gradients
        else:
            for k, g in gradients.items():
                sums[k].add_(g)
    return total / count, {k: g / count for k, g in sums.items()}


meta_gradient = loop_gradient if options.variant == "loop" else func_gradient


class Trainer:
    """Parameters, Adam and a few sampled meta-batches, taken in turn."""

    def __init__(self):
        torch.manual_seed(1)
        self.parameters = model.init()
        self.batches = [model.sample(task_count) for _ in range(4)]
        for p in self.parameters.values():
            p.requires_grad_()
        self.adam = torch.optim.Adam(list(self.parameters.values()), lr=1e-3)
        self.count = 0

    def step(self):
        batch = self.batches[self.count % len(self.batches)]
        self.count += 1
        start = time.perf_counter()
        loss, gradients = meta_gradient({k: p.detach() for k, p in self.parameters.items()}, *batch)
        for k, p in self.parameters.items():
            p.grad = gradients[k]
        self.adam.step()
        milliseconds = (time.perf_counter() - start) * 1000
        if not math.isfinite(loss):
            raise ArithmeticError(f"the query loss is {loss} at meta-step {self.count}")
        return milliseconds, loss

    def round(self, repeats):
        return [round(self.step()[0], 4) for _ in range(repeats)]


def from_channels_last(name, value):
    if value.dim() == 4:
        value = value.permute(3, 2, 0, 1)
    elif value.dim() == 2:
        value = value.t()
    return value.contiguous()


def to_channels_last(value):
    if value.dim() == 4:
        value = value.permute(2, 3, 1, 0)
    elif value.dim() == 2:
        value = value.t()
    return value


def gradient_command(message):
    shapes = {k: tuple(p.shape) for k, p in trainer.parameters.items()}
    given = message["parameters"]
    if set(given) != set(shapes):
        raise ValueError(f"parameters are {sorted(given)}, expected {sorted(shapes)}")
    parameters = {}
    for name, shape in shapes.items():
        value = from_channels_last(name, torch.tensor(given[name], dtype=dtype))
        if tuple(value.shape) != shape:
            raise ValueError(f"{name} has the shape {list(to_channels_last(value).shape)}, expected {list(to_channels_last(torch.empty(shape)).shape)}")
        parameters[name] = value
    convert = {"X": lambda v: model.inputs(torch.tensor(v, dtype=dtype)), "Y": model.targets}
    batch = [torch.stack([convert[key[-1]](task[key]) for task in message["tasks"]]) for key in task_keys]
    loss, gradients = meta_gradient(parameters, *batch)
    return {"loss": loss, "gradient": {k: to_channels_last(g.detach()).tolist() for k, g in gradients.items()}}


def peak_command():
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    out = torch.empty(1024, 1024)
    times = []
    for i in range(15):
        start = time.perf_counter()
        torch.matmul(a, b, out=out)
        if i >= 5:
            times.append((time.perf_counter() - start) * 1000)
    return {"gflops": round(2 * 1024**3 / statistics.median(times) / 1e6, 2), "milliseconds": [round(t, 4) for t in times]}


def check():
    """The gradient command's answer, in the caller's layouts, against central differences of its loss along random directions."""
    batch = model.sample(2)
    if options.workload == "omniglot":
        batch = [b.permute(0, 1, 3, 4, 2) if b.dim() == 5 else b for b in batch]
    tasks = [dict(zip(task_keys, (b[t].tolist() for b in batch))) for t in range(2)]
    # Scales, shifts and biases away from their neutral values.
    point = {k: to_channels_last(p.detach() + 0.1 * torch.randn_like(p)) for k, p in trainer.parameters.items()}

    def answer(parameters):
        return gradient_command({"parameters": {k: v.tolist() for k, v in parameters.items()}, "tasks": tasks})

    gradient = {k: torch.tensor(g, dtype=dtype) for k, g in answer(point)["gradient"].items()}
    size = 1e-6 if options.dtype == "float64" else 1e-2
    worst, lines = 0.0, []
    scale = max(float(g.norm()) for g in gradient.values())
    for name in gradient:
        direction = torch.randn_like(gradient[name])
        direction /= direction.norm()
        high, low = (answer({**point, name: point[name] + s * size * direction})["loss"] for s in (1, -1))
        numeric, exact = (high - low) / (2 * size), float((gradient[name] * direction).sum())
        error = abs(numeric - exact) / scale
        worst = max(worst, error)
        lines.append({"name": name, "differences": numeric, "gradient": exact, "error": error})
    return {"check": lines, "worst": worst, "passed": worst < (1e-7 if options.dtype == "float64" else 1e-2)}


def say(value):
    print(json.dumps(value, allow_nan=False), flush=True)


def main():
    if options.check:
        result = check()
        say(result)
        return 0 if result["passed"] else 1
    start = time.perf_counter()
    warm = []
    while len(warm) < 3 or time.perf_counter() - start < options.warmup:
        warm.append(trainer.step())
    say({
        "peer": "pytorch", "torch": torch.__version__, "python": platform.python_version(), "variant": options.variant,
        "workload": options.workload, "steps": options.steps, "order": options.order, "tasks": task_count,
        "chunk": options.chunk or None, "threads": torch.get_num_threads(), "dtype": options.dtype,
        "mkl": torch.backends.mkl.is_available(), "onednn": torch.backends.mkldnn.is_available(),
        "cpu": torch.backends.cpu.get_cpu_capability() if hasattr(torch.backends, "cpu") else "unknown", "warmup": {"steps": len(warm), "seconds": round(time.perf_counter() - start, 2)},
        "loss": [warm[0][1], warm[-1][1]],
    })
    if options.rounds:
        medians = []
        for _ in range(options.rounds):
            times = trainer.round(options.repeats)
            medians.append(statistics.median(times))
            say({"milliseconds": times})
        say({"median": round(statistics.median(medians), 3), "fastest": round(min(medians), 3), "peak": peak_command()["gflops"]})
        return 0
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            message = json.loads(line)
            command = message.get("command")
            if command == "quit":
                say({"quit": True})
                return 0
            if command == "round":
                say({"milliseconds": trainer.round(int(message.get("repeats", 5)))})
            elif command == "peak":
                say(peak_command())
            elif command == "gradient":
                say(gradient_command(message))
            else:
                raise ValueError(f"unknown command {command!r}: round, peak, gradient or quit")
        except Exception as error:  # noqa: BLE001 - every failure is the caller's to see
            say({"error": f"{type(error).__name__}: {error}"})
    return 0


trainer = Trainer()
if __name__ == "__main__":
    sys.exit(main())
