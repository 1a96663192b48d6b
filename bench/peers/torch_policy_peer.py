"""An iteration of MAML-TRPO on 2D navigation in PyTorch, as pytorch-maml-rl has it, to measure innerloop against.

Its mathematics and its order of work, written anew for today's libraries: episodes of a task are stepped together by the task's own
policy, task after task; a linear baseline for each task; the inner loss is -log pi A; the outer update takes the gradient of the
surrogate and conjugate gradients with the Hessian of the KL through adaptation, both from one graph of all tasks that is kept for
all products; a line search adapts anew for each step. What is left out: its worker processes, and gym.

--problem has tasks, episodes, horizon, hidden, innerLearningRate, kl, products, damping, backtracks, backtrack, discount.
Parameters are weight [in, out] and bias of each layer, then the logarithms of the deviations.
"gradient" takes episodes as supportX and queryX [tasks, episodes, horizon, 6]: observation, action, advantage, 1 for steps taken.
"""

import sys

from peer_protocol import initial_parameters, read_options, serve

options = read_options(["trpo"], __doc__)
problem = options.problem
problem.model = "mlp"
problem.sizes = [2, *problem.hidden, 2]

import numpy  # noqa: E402
import torch  # noqa: E402
from torch.distributions import Independent, Normal, kl_divergence  # noqa: E402

torch.set_num_threads(options.threads)


def policy(parameters, x):
    *layers, log_deviation = parameters
    for i in range(0, len(layers) - 2, 2):
        x = torch.tanh(x @ layers[i] + layers[i + 1])
    return Independent(Normal(x @ layers[-2] + layers[-1], torch.exp(log_deviation)), 1)


def weighted_mean(values, taken):
    return (values * taken).sum() / taken.sum()


def inner_loss(parameters, episodes):
    observations, actions, advantages, taken = episodes
    return -weighted_mean(policy(parameters, observations).log_prob(actions) * advantages, taken)


def adapted(parameters, episodes, create_graph):
    gradients = torch.autograd.grad(inner_loss(parameters, episodes), parameters, create_graph=create_graph)
    return [p - problem.innerLearningRate * g for p, g in zip(parameters, gradients)]


def advantages_of(observations, rewards, taken):
    """Discounted returns less the linear baseline of [o, o^2, u, u^2, u^3, 1], standardised."""
    returns = numpy.zeros_like(rewards)
    following = numpy.zeros(len(rewards), numpy.float32)
    for t in range(rewards.shape[1] - 1, -1, -1):
        following = rewards[:, t] + problem.discount * following
        returns[:, t] = following
    there = taken > 0
    o = numpy.clip(observations, -10, 10)
    u = numpy.broadcast_to((numpy.arange(rewards.shape[1]) / 100)[None, :, None], (*rewards.shape, 1))
    features = numpy.concatenate([o, o * o, u, u * u, u**3, numpy.ones_like(u)], -1)
    f, r = features[there], returns[there]
    coefficients = numpy.linalg.solve(f.T @ f + 1e-5 * numpy.eye(f.shape[1]), f.T @ r)
    advantages = r - f @ coefficients
    out = numpy.zeros_like(rewards)
    out[there] = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    return out


def sampled(parameters, goal, generator):
    """Episodes of one task, stepped together."""
    shape = (problem.episodes, problem.horizon)
    observations, actions = numpy.zeros((*shape, 2), numpy.float32), numpy.zeros((*shape, 2), numpy.float32)
    rewards, taken = numpy.zeros(shape, numpy.float32), numpy.zeros(shape, numpy.float32)
    state = numpy.zeros((problem.episodes, 2))
    going = numpy.ones(problem.episodes, bool)
    with torch.no_grad():
        for t in range(problem.horizon):
            if not going.any():
                break
            observations[going, t] = state[going]
            mean_action = policy(parameters, torch.from_numpy(state.astype(numpy.float32)))
            action = mean_action.sample().numpy()
            actions[going, t] = action[going]
            state[going] += 0.1 * numpy.clip(action[going], -1, 1)
            away = state - goal
            rewards[going, t] = -numpy.sqrt((away[going] ** 2).sum(1))
            taken[going, t] = 1
            going &= ~(numpy.abs(away) < 0.01).all(1)
    advantages = advantages_of(observations, rewards, taken)
    return [torch.from_numpy(a) for a in (observations, actions, advantages, taken)], rewards.sum(1).mean()


def surrogate_and_kl(parameters, tasks, old=None):
    """Means over tasks, and the policies after adaptation, held constant."""
    losses, distances, policies = [], [], []
    create_graph = old is None
    with torch.set_grad_enabled(True):
        for at, (support, query) in enumerate(tasks):
            fast = adapted(parameters, support, create_graph)
            observations, actions, advantages, taken = query
            with torch.set_grad_enabled(create_graph):
                now = policy(fast, observations)
                before = held(now) if old is None else old[at]
                ratio = torch.exp(now.log_prob(actions) - before.log_prob(actions))
                losses.append(-weighted_mean(ratio * advantages, taken))
                distances.append(weighted_mean(kl_divergence(now, before), taken))
            policies.append(before)
    return torch.stack(losses).mean(), torch.stack(distances).mean(), policies


def held(distribution):
    base = distribution.base_dist
    return Independent(Normal(base.loc.detach(), base.scale.detach()), 1)


def flat(tensors):
    return torch.cat([t.reshape(-1) for t in tensors])


def conjugate_gradient(product, b):
    x, r, p = torch.zeros_like(b), b.clone(), b.clone()
    residual = r.dot(r)
    for _ in range(problem.products):
        along = product(p)
        length = residual / p.dot(along)
        x += length * p
        r -= length * along
        following = r.dot(r)
        p = r + (following / residual) * p
        residual = following
        if residual < 1e-10:
            break
    return x


def unflatten(vector, like):
    out, at = [], 0
    for p in like:
        out.append(vector[at : at + p.numel()].reshape(p.shape))
        at += p.numel()
    return out


def update(parameters, tasks):
    """One step of the trust region."""
    loss, distance, old = surrogate_and_kl(parameters, tasks)
    gradient = flat(torch.autograd.grad(loss, parameters, retain_graph=True))
    distance_slope = flat(torch.autograd.grad(distance, parameters, create_graph=True))

    def product(vector):
        along = torch.autograd.grad(distance_slope.dot(vector), parameters, retain_graph=True)
        return flat(along) + problem.damping * vector

    direction = conjugate_gradient(product, gradient)
    longest = torch.sqrt(2 * problem.kl / direction.dot(product(direction)))
    start = flat(parameters).detach()
    for j in range(problem.backtracks):
        moved = start - problem.backtrack**j * longest * direction
        candidate = [p.requires_grad_() for p in unflatten(moved, parameters)]
        reached, kl, _ = surrogate_and_kl(candidate, tasks, old)
        if reached < loss and kl <= problem.kl:
            return [p.detach().requires_grad_() for p in candidate]
    return parameters


def main():
    generator = numpy.random.default_rng(1)
    torch.manual_seed(1)
    first = [torch.tensor(p) for p in initial_parameters(problem, generator)] + [torch.zeros(2)]
    state = {"parameters": [p.requires_grad_() for p in first]}

    def step():
        parameters = state["parameters"]
        tasks, returns = [], []
        for goal in generator.uniform(-0.5, 0.5, (problem.tasks, 2)):
            support, _ = sampled(parameters, goal, generator)
            fast = [p.detach() for p in adapted(parameters, support, False)]
            query, reached = sampled(fast, goal, generator)
            tasks.append((support, query))
            returns.append(reached)
        state["parameters"] = update(parameters, tasks)
        return float(numpy.mean(returns))

    def gradient(values, batch):
        support, _, query, _ = (torch.from_numpy(b.copy()) for b in batch)
        parameters = [torch.from_numpy(v.copy()).requires_grad_() for v in values]

        def split(x):
            return [x[..., :2], x[..., 2:4], x[..., 4], x[..., 5]]

        tasks = [(split(s), split(q)) for s, q in zip(support, query)]
        loss, _, _ = surrogate_and_kl(parameters, tasks)
        return loss.item(), [g.numpy() for g in torch.autograd.grad(loss, parameters)]

    return serve(options, "torch-maml-trpo", {"torch": torch.__version__}, step, gradient)


if __name__ == "__main__":
    sys.exit(main())
