"""What the Python peers share: options, arrays as they travel, and the loop that answers bench/peer.ts.

A peer is started with the problem as JSON (`--problem`; bench/problem.ts says what is in it) and answers one line of JSON for each
line it is sent. The first line it writes, when it is warm, is a header with versions and settings.
  {"command":"round","repeats":5}   {"milliseconds":[...]}, one for each whole meta-step: every task's meta-gradient, their mean, Adam
  {"command":"gradient","problem":{...},"parameters":[array],"supportX":array,"supportY":array,"queryX":array,"queryY":array}
                                    {"loss":...,"gradient":[array]}, the means over these tasks, of a problem that may be smaller
                                    in images, ways, shots and queries; nothing it holds changes
  {"command":"quit"}                {"quit":true}
A command that cannot be carried out is answered with {"error":...}.

An array is {"shape":[...],"data":base64 of float32}. Layouts are innerloop's: images [tasks, n, h, w, c], filters [kh, kw, in, out],
linear weights [in, out]; classes are indices. Parameters come in the order of the network: weight and bias of each linear layer;
weight, bias, scale and shift of each convolutional block.
"""

import argparse
import base64
import json
import os
import platform
import resource
import sys
import time
from types import SimpleNamespace


def read_options(variants, description):
    arguments = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--problem", type=lambda text: SimpleNamespace(**json.loads(text)), required=True)
    arguments.add_argument("--variant", choices=variants, default=variants[0])
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--warmup", type=float, default=2.0, help="seconds of meta-steps before the header (2 steps at least)")
    options = arguments.parse_args()
    # Before any library starts its threads.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(options.threads)
    return options


def decode(array):
    import numpy

    return numpy.frombuffer(base64.b64decode(array["data"]), numpy.float32).reshape(array["shape"])


def encode(values):
    import numpy

    values = numpy.ascontiguousarray(values, numpy.float32)
    return {"shape": list(values.shape), "data": base64.b64encode(values.tobytes()).decode()}


def peak_bytes():
    """The largest resident size of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def sample(problem, tasks, generator):
    """Tasks of numpy arrays, as much work as real ones: sine waves, or a pattern for each class with noise on it."""
    import numpy

    def rows(per_class):
        return (tasks, problem.ways * per_class)

    if problem.model == "mlp":
        amplitude = generator.uniform(0.1, 5, (tasks, 1, 1))
        phase = generator.uniform(0, numpy.pi, (tasks, 1, 1))
        x = [generator.uniform(-5, 5, (tasks, n, 1)) for n in (problem.shots, problem.queries)]
        y = [amplitude * numpy.sin(v - phase) for v in x]
        return [v.astype(numpy.float32) for v in (x[0], y[0], x[1], y[1])]
    pattern = generator.uniform(0, 1, (tasks, problem.ways, 1, *problem.imageShape))
    out = []
    for per_class in (problem.shots, problem.queries):
        noise = 0.3 * generator.standard_normal((tasks, problem.ways, per_class, *problem.imageShape))
        out.append((pattern + noise).reshape(*rows(per_class), *problem.imageShape).astype(numpy.float32))
        out.append(numpy.tile(numpy.repeat(numpy.arange(problem.ways), per_class), (tasks, 1)))
    return out


def initial_parameters(problem, generator):
    """First values in innerloop's layouts: Glorot's, scales 1, biases and shifts 0."""
    import numpy

    def glorot(*shape):
        fan = numpy.prod(shape[:-2]) * (shape[-2] + shape[-1])
        bound = numpy.sqrt(6 / fan)
        return generator.uniform(-bound, bound, shape)

    parameters = []
    if problem.model == "mlp":
        for i, o in zip(problem.sizes, problem.sizes[1:]):
            parameters += [glorot(i, o), numpy.zeros(o)]
    else:
        rows, columns, channels = problem.imageShape
        for i in range(4):
            into = channels if i == 0 else problem.filters
            parameters += [glorot(3, 3, into, problem.filters), numpy.zeros(problem.filters)]
            parameters += [numpy.ones(problem.filters), numpy.zeros(problem.filters)]
            rows, columns = rows // 2, columns // 2
        if problem.learner == "maml":
            features = problem.filters if problem.downsampling == "stride" else rows * columns * problem.filters
            parameters += [0.1 * generator.standard_normal((features, problem.ways)), numpy.zeros(problem.ways)]
    return [p.astype(numpy.float32) for p in parameters]


def adapting(problem, count):
    """Places of the parameters that the inner loop moves."""
    return range(count - 2, count) if problem.adapts == "head" else range(count)


def say(value):
    print(json.dumps(value, allow_nan=False), flush=True)


def serve(options, name, versions, step, gradient):
    """Warms up and answers until told to quit.

    step() takes one meta-step and returns its query loss; gradient(parameters, batch) takes numpy arrays in innerloop's layouts.
    """

    def timed():
        start = time.perf_counter()
        loss = step()
        milliseconds = (time.perf_counter() - start) * 1000
        if not -1e9 < loss < 1e9:
            raise ArithmeticError(f"the query loss is {loss}")
        return milliseconds

    try:
        start = time.perf_counter()
        warm = []
        while len(warm) < 2 or time.perf_counter() - start < options.warmup:
            warm.append(timed())
    except Exception as error:  # noqa: BLE001 - every failure is the caller's to see
        say({"error": f"{type(error).__name__}: {str(error)[:600]}"})
        return 1
    say(
        {
            "peer": name, "variant": options.variant, "threads": options.threads, "firstMilliseconds": warm[0],
            "milliseconds": min(warm[1:]), "peakBytes": peak_bytes(),
            "versions": {"python": platform.python_version(), **versions},
        }
    )
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
                say({"milliseconds": [round(timed(), 4) for _ in range(int(message["repeats"]))]})
            elif command == "gradient":
                batch = [decode(message[key]) for key in ("supportX", "supportY", "queryX", "queryY")]
                if options.problem.model != "mlp":
                    batch = [b if at % 2 == 0 else b.astype(int) for at, b in enumerate(batch)]
                timed_problem = dict(vars(options.problem))
                vars(options.problem).update(message["problem"])
                try:
                    loss, gradients = gradient([decode(p) for p in message["parameters"]], batch)
                finally:
                    vars(options.problem).update(timed_problem)
                say({"loss": float(loss), "gradient": [encode(g) for g in gradients]})
            else:
                raise ValueError(f"unknown command {command!r}: round, gradient or quit")
        except Exception as error:  # noqa: BLE001
            say({"error": f"{type(error).__name__}: {str(error)[:600]}"})
    return 0
