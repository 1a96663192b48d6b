"""Writes recorded.json: episodes of Gymnasium's own half-cheetah and ant, and of published protocols in plain numpy.

    pip install gymnasium==1.4.0 mujoco==3.14.0 imageio packaging
    python record.py

Protocols are written after the papers' code (cbfinn/maml_rl, jonasrothfuss/ProMP, learnables/learn2learn,
tristandeleu/pytorch-maml-rl), and share no line with the package. Actions are float32, as the package takes them; those of
the half-cheetah at five frames are small, since with large ones a difference of 1e-15 grows to 1e-6 within 50 steps.
"""

import json
import pathlib

import gymnasium
import mujoco
import numpy as np

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"
STEPS = 100


def numbers(values):
    return [float(value) for value in np.asarray(values, dtype=np.float64).ravel()]


def rounded(values):
    """Twelve digits: what is compared to 1e-9."""
    return [float(f"{value:.12g}") for value in np.asarray(values, dtype=np.float64).ravel()]


def actions_of(seed, size, bound):
    return np.random.default_rng(seed).uniform(-bound, bound, (STEPS, size)).astype(np.float32)


def episode(seed, size, bound, begin, step):
    """begin() -> qpos, qvel, observation; step(action) -> qpos, qvel, observation, reward, terminated."""
    qpos, qvel, observation = begin()
    actions = actions_of(seed, size, bound)
    record = {
        "start": numbers(np.concatenate([qpos, qvel])),
        "firstObservation": rounded(observation),
        "actions": [[float(str(value)) for value in action] for action in actions],
        "qpos": [],
        "rewards": [],
        "terminated": [],
    }
    for action in actions:
        qpos, qvel, observation, reward, terminated = step(action.astype(np.float64))
        record["qpos"].append(rounded(qpos))
        record["rewards"].extend(rounded(reward))
        record["terminated"].append(bool(terminated))
        if terminated:
            break
    record["actions"] = record["actions"][: len(record["rewards"])]
    record["lastObservation"] = rounded(observation)
    return record


def of_gymnasium(name, seed, scale):
    environment = gymnasium.make(name).unwrapped

    def begin():
        observation, _ = environment.reset(seed=seed)
        return environment.data.qpos, environment.data.qvel, observation

    def step(action):
        observation, reward, terminated, _, _ = environment.step(action)
        return environment.data.qpos, environment.data.qvel, observation, reward, terminated

    return episode(seed, environment.model.nu, scale, begin, step)


def clipped_forces(data):
    return np.clip(data.cfrc_ext, -1, 1)


class Rllab:
    """MAML's environments: one frame a step, mj_forward after it, velocities of the centre of mass."""

    def __init__(self, file, seed, start, forward):
        self.model = mujoco.MjModel.from_xml_path(str(MODELS / file))
        self.start, self.forward, self.seed = start, forward, seed

    def begin(self):
        source = np.random.default_rng(self.seed)
        self.data = mujoco.MjData(self.model)
        start = self.data.qpos.copy() if self.start is None else np.array(self.start)
        self.data.qpos[:] = start + source.normal(size=self.model.nq) * 0.01
        self.data.qvel[:] = source.normal(size=self.model.nv) * 0.1
        qpos, qvel = self.data.qpos.copy(), self.data.qvel.copy()
        mujoco.mj_forward(self.model, self.data)
        mujoco.mj_rnePostConstraint(self.model, self.data)
        return qpos, qvel, self.observation()

    def velocity_of_mass(self):
        """As rllab's _compute_subtree: momenta of bodies, summed, over the mass."""
        momentum, mass = np.zeros(3), 0.0
        for body in range(1, self.model.nbody):
            velocity = np.zeros(6)
            mujoco.mj_objectVelocity(self.model, self.data, mujoco.mjtObj.mjOBJ_BODY, body, velocity, 0)
            momentum += velocity[3:] * self.model.body_mass[body]
            mass += self.model.body_mass[body]
        return momentum / mass

    def step(self, action):
        self.data.ctrl[:] = action
        mujoco.mj_step(self.model, self.data)
        mujoco.mj_forward(self.model, self.data)
        mujoco.mj_rnePostConstraint(self.model, self.data)
        reward, terminated = self.forward(self, action)
        return self.data.qpos, self.data.qvel, self.observation(), reward, terminated

    def observation(self):
        torso = 1
        if self.model.nu == 6:
            return np.concatenate([self.data.qpos[1:], self.data.qvel, self.data.subtree_com[torso]])
        parts = [self.data.qpos, self.data.qvel, clipped_forces(self.data).ravel()]
        return np.concatenate([*parts, self.data.xmat[torso], self.data.subtree_com[torso]])


def maml_half_cheetah(seed, goal):
    def reward(environment, action):
        return -abs(environment.velocity_of_mass()[0] - goal) - 0.05 * np.sum(np.square(action)), False

    environment = Rllab("half_cheetah.xml", seed, None, reward)
    return episode(seed, 6, 1, environment.begin, environment.step)


def maml_ant(seed, direction):
    def reward(environment, action):
        forward = direction * environment.velocity_of_mass()[0]
        contact = 0.5e-3 * np.sum(np.square(clipped_forces(environment.data)))
        height = environment.data.qpos[2]
        return forward - 0.5e-2 * np.sum(np.square(action)) - contact + 0.05, not 0.2 <= height <= 1.0

    start = [0, 0, 0.55, 1, 0, 0, 0, 0, 1, 0, -1, 0, -1, 0, 1]
    environment = Rllab("ant.xml", seed, start, reward)
    environment.model.opt.timestep = 0.02
    environment.model.geom_solimp[:, :3] = [0.8, 0.8, 0.01]
    return episode(seed, 8, 1, environment.begin, environment.step)


class Gym:
    """Environments of Gym's kind: five frames a step, the torso's displacement."""

    def __init__(self, file, seed, reward, observe):
        self.model = mujoco.MjModel.from_xml_path(str(MODELS / file))
        self.seed, self.reward, self.observe = seed, reward, observe

    def begin(self):
        source = np.random.default_rng(self.seed)
        self.data = mujoco.MjData(self.model)
        self.data.qpos[:] += source.uniform(-0.1, 0.1, self.model.nq)
        self.data.qvel[:] = source.normal(size=self.model.nv) * 0.1
        qpos, qvel = self.data.qpos.copy(), self.data.qvel.copy()
        mujoco.mj_forward(self.model, self.data)
        mujoco.mj_rnePostConstraint(self.model, self.data)
        return qpos, qvel, self.observe(self.data)

    def step(self, action):
        before = self.data.xpos[1].copy(), self.data.qpos[0]
        self.data.ctrl[:] = action
        mujoco.mj_step(self.model, self.data, nstep=5)
        mujoco.mj_rnePostConstraint(self.model, self.data)
        reward, terminated = self.reward(self.data, before, action)
        return self.data.qpos, self.data.qvel, self.observe(self.data), reward, terminated


def promp_ant(seed, direction):
    def reward(data, before, action):
        forward = np.sum(np.array(direction) * (data.xpos[1][:2] - before[0][:2])) / 0.05
        contact = 0.5e-3 * np.sum(np.square(clipped_forces(data)))
        terminated = not 0 <= data.qpos[2] <= 1.0
        return forward - 0.5 * np.square(action).sum() - contact + 1.0, terminated

    def observe(data):
        return np.concatenate([data.qpos[2:], data.qvel, clipped_forces(data).ravel()])

    environment = Gym("ant.xml", seed, reward, observe)
    # NormalizedEnv: actions within +-10 are scaled to the range.
    return episode(seed, 8, 10, environment.begin, lambda action: environment.step(action / 10))


def pytorch_ant(seed, goal):
    def reward(data, before, action):
        forward = 1.0 - abs((data.xpos[1][0] - before[0][0]) / 0.05 - goal)
        contact = 0.5e-3 * np.sum(np.square(clipped_forces(data)))
        terminated = not 0.2 <= data.qpos[2] <= 1.0
        return forward - 0.5e-2 * np.sum(np.square(action)) - contact + 0.05, terminated

    def observe(data):
        forces = clipped_forces(data).ravel()
        return np.concatenate([data.qpos[2:], data.qvel, forces, data.xmat[1], data.xpos[1]])

    environment = Gym("ant.xml", seed, reward, observe)
    return episode(seed, 8, 1, environment.begin, environment.step)


def learn2learn_half_cheetah(seed, direction):
    def reward(data, before, action):
        return direction * (data.qpos[0] - before[1]) / 0.05 - 0.05 * np.sum(np.square(action)), False

    def observe(data):
        return np.concatenate([data.qpos[1:], data.qvel, data.xpos[1]])

    environment = Gym("half_cheetah.xml", seed, reward, observe)
    return episode(seed, 6, 0.3, environment.begin, environment.step)


cases = [
    ("half-cheetah", "gymnasium", "direction", {"direction": 1}, of_gymnasium("HalfCheetah-v5", 1, 0.3)),
    ("ant", "gymnasium", "direction", {"direction": 1}, of_gymnasium("Ant-v5", 2, 0.5)),
    ("half-cheetah", "maml", "velocity", {"velocity": 1.25}, maml_half_cheetah(3, 1.25)),
    ("ant", "maml", "direction", {"direction": -1}, maml_ant(4, -1)),
    ("ant", "promp", "direction-2d", {"direction": [0.6, -0.8]}, promp_ant(5, [0.6, -0.8])),
    ("ant", "pytorch-maml-rl", "velocity", {"velocity": 0.75}, pytorch_ant(6, 0.75)),
    ("half-cheetah", "learn2learn", "direction", {"direction": -1}, learn2learn_half_cheetah(7, -1)),
]
recorded = {
    "mujoco": mujoco.__version__,
    "gymnasium": gymnasium.__version__,
    "cases": [
        {"body": body, "protocol": protocol, "goal": goal, "task": task, **record}
        for body, protocol, goal, task, record in cases
    ],
}
target = pathlib.Path(__file__).with_name("recorded.json")
target.write_text(json.dumps(recorded, separators=(",", ":")).replace('},{"body"', '},\n{"body"') + "\n")
