/**
 * MuJoCo in WebAssembly, holding one body: rows of episodes are swapped in, stepped and swapped out again. An MjData takes
 * 6 MB of at most 2 GiB, so that one for each episode would fill it at 300 of them.
 *
 * Nothing here imports another package of ours: workers load this file, and little else.
 */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import loadMujoco, { type MainModule, type MjData, type MjModel } from "@mujoco/mujoco";
import { bodies, mujocoVersion } from "./bodies.js";
import { type EpisodeRows, placeSize } from "./episode-rows.js";
import { type LocomotionSettings, needsContactForces, stepTime, type VelocityKind } from "./locomotion-settings.js";

/** A row whose simulation cannot go on. */
export interface RowFault {
  readonly row: number;
  /** `qpos is not finite`: what is wrong with it. */
  readonly problem: string;
}

/** What workers do with rows: begin episodes from qpos and qvel, or step them. */
export type RowOperation = "begin" | "step";

/** What MuJoCo counts as warnings, in its order (`mjtWarning`): all of them mean that results are wrong. */
const warnings = [
  "the inertia matrix is nearly singular",
  "too many contacts for the memory of the simulation",
  "too many constraints for the memory of the simulation",
  "qpos is not finite or beyond 1e10",
  "qvel is not finite or beyond 1e10",
  "qacc is not finite or beyond 1e10",
  "a control is not finite or beyond 1e10",
] as const;

/** The first body after the world is the torso. */
const torso = 1;

/** Views of MjData's arrays. They have length 0 once the heap of WebAssembly has grown, and are then made anew. */
interface DataViews {
  readonly qpos: Float64Array;
  readonly qvel: Float64Array;
  readonly warmStart: Float64Array;
  readonly controls: Float64Array;
  readonly places: Float64Array;
  readonly rotations: Float64Array;
  readonly centres: Float64Array;
  readonly centreVelocities: Float64Array;
  readonly contactForces: Float64Array;
}

/**
 * How velocities are measured: where the body is (x and y, kept with the row), and what its velocity is after a step, from
 * the place before it.
 */
interface VelocityMeasure {
  /** MuJoCo computes velocities of centres of mass where it is asked to. */
  readonly ofCentres: boolean;
  place(views: DataViews, axis: number): number;
  velocity(views: DataViews, axis: number, before: number, seconds: number): number;
}

const displacement = (place: VelocityMeasure["place"]): VelocityMeasure => ({
  ofCentres: false,
  place,
  velocity: (views, axis, before, seconds) => (place(views, axis) - before) / seconds,
});

const velocityMeasures: Readonly<Record<VelocityKind, VelocityMeasure>> = {
  // A body of the plane x, z moves along x alone.
  "root displacement": displacement(({ qpos }, axis) => (axis === 0 ? qpos[0]! : 0)),
  "torso displacement": displacement(({ places }, axis) => places[3 * torso + axis]!),
  "centre of mass": {
    ofCentres: true,
    place: () => 0,
    velocity: ({ centreVelocities }, axis) => centreVelocities[3 * torso + axis]!,
  },
};

let compiling: Promise<WebAssembly.Module> | undefined;

/** MuJoCo's WebAssembly, compiled. Threads that are given it share the machine code, which gets fast by being run. */
export function compileMujoco(): Promise<WebAssembly.Module> {
  const file = createRequire(import.meta.url).resolve("@mujoco/mujoco/mujoco.wasm");
  compiling ??= readFile(file).then((bytes) => WebAssembly.compile(bytes));
  return compiling;
}

/** MuJoCo is loaded once for each thread. */
let loaded: Promise<MainModule> | undefined;

/**
 * A simulation of the body of these settings in this thread.
 *
 * @param model the text of the body's model
 * @param compiled MuJoCo, where another thread has it already
 */
export async function openSimulation(
  settings: LocomotionSettings,
  model: string,
  compiled?: WebAssembly.Module,
): Promise<Simulation> {
  loaded ??= load(compiled);
  const mujoco = await loaded;
  const version = mujoco.mj_versionString();
  if (version !== mujocoVersion)
    throw new Error(`MuJoCo is ${version}, where ${mujocoVersion} is what results are for`);
  return new Simulation(mujoco, settings, model);
}

async function load(given: WebAssembly.Module | undefined): Promise<MainModule> {
  const compiled = given ?? (await compileMujoco());
  return loadMujoco({
    instantiateWasm(
      imports: WebAssembly.Imports,
      done: (instance: WebAssembly.Instance, of: WebAssembly.Module) => void,
    ) {
      void WebAssembly.instantiate(compiled, imports).then((instance) => done(instance, compiled));
      return {};
    },
    // What it would print, it also counts or throws.
    print: () => undefined,
    printErr: () => undefined,
  });
}

/** One body, to be used for one row after the other. */
export class Simulation {
  private readonly model: MjModel;
  private data: MjData;
  private views: DataViews;
  private warnings: MjData["warning"];
  /** The number of warnings after the last rows that were stepped; not known where episodes were begun since. */
  private counted: number | undefined;
  private readonly measure: VelocityMeasure;
  private readonly seconds: number;
  private readonly usesForces: boolean;
  /** A row as it was before a chunk was stepped. */
  private before = new Float64Array(0);

  constructor(
    private readonly mujoco: MainModule,
    private readonly settings: LocomotionSettings,
    model: string,
  ) {
    this.model = mujoco.MjModel.from_xml_string(model);
    requireSizes(this.model, settings.body);
    // A reference into the model, as are the views: to delete it would free what is not its own.
    const option = this.model.opt;
    option.timestep = settings.timestep;
    // A state that is not finite shall be seen: MuJoCo would begin anew from the model's own, and go on.
    option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET.value;
    const impedance = settings.contactImpedance;
    if (impedance) {
      const solimp = this.model.geom_solimp as Float64Array;
      for (let at = 0; at < solimp.length; at += 5) solimp.set(impedance, at);
    }
    this.data = new mujoco.MjData(this.model);
    this.views = viewsOf(this.data);
    this.warnings = this.data.warning;
    this.measure = velocityMeasures[settings.reward.velocity];
    this.seconds = stepTime(settings);
    this.usesForces = needsContactForces(settings);
  }

  /**
   * Begins or steps rows from `from` to `to`, without it, those that have ended left out.
   *
   * @returns rows that cannot go on; what is then in them is of no use
   */
  run(operation: RowOperation, rows: EpisodeRows, from: number, to: number): RowFault[] {
    // Counts of warnings take as long to read as half a frame, and begin anew with each episode.
    if (operation === "begin") return this.runWatched(operation, rows, from, to);
    const { states, sizes } = rows;
    const before = this.stateBefore(states.subarray(from * sizes.state, to * sizes.state));
    const known = this.counted ?? sum(this.warningCounts());
    const faults: RowFault[] = [];
    for (let row = from; row < to; row++) {
      const problem = rows.ended[row] === 1 ? undefined : this.attempt(operation, rows, row);
      if (problem !== undefined) faults.push({ row, problem });
    }
    this.counted = sum(this.warningCounts());
    if (faults.length === 0 && this.counted === known) return faults;
    // Once more from the same states, for the row that a warning is about.
    states.set(before, from * sizes.state);
    return this.runWatched(operation, rows, from, to);
  }

  /** The same, with an eye on warnings after each row. */
  private runWatched(operation: RowOperation, rows: EpisodeRows, from: number, to: number): RowFault[] {
    const faults: RowFault[] = [];
    this.counted = undefined;
    for (let row = from; row < to; row++) {
      if (rows.ended[row] === 1) continue;
      const known = operation === "begin" ? warnings.map(() => 0) : this.warningCounts();
      const failure = this.attempt(operation, rows, row);
      const counts = this.warningCounts();
      const problem = failure ?? warnings.find((_, kind) => counts[kind]! > known[kind]!);
      if (problem !== undefined) faults.push({ row, problem });
    }
    return faults;
  }

  /** Frees the memory of WebAssembly that the body takes, which no collector sees. */
  close(): void {
    this.data.delete();
    this.model.delete();
  }

  /** Runs one row; returns what is wrong with it. */
  private attempt(operation: RowOperation, rows: EpisodeRows, row: number): string | undefined {
    try {
      if (this.views.qpos.length === 0) this.views = viewsOf(this.data);
      if (operation === "begin") this.begin(rows, row);
      else this.step(rows, row);
    } catch (error) {
      // MuJoCo's own errors leave its stack as it was when they were thrown.
      this.renewData();
      return `MuJoCo failed: ${error instanceof Error ? error.message : String(error)}`;
    }
    const { qpos, qvel } = this.views;
    if (!qpos.every(Number.isFinite)) return "qpos is not finite";
    if (!qvel.every(Number.isFinite)) return "qvel is not finite";
    if (!Number.isFinite(rows.rewards[row])) return `the reward is ${rows.rewards[row]}`;
    return undefined;
  }

  private begin(rows: EpisodeRows, row: number): void {
    const { mujoco, model, data } = this;
    const { states, sizes } = rows;
    const { qpos, qvel } = this.views;
    mujoco.mj_resetData(model, data);
    const start = row * sizes.state;
    qpos.set(states.subarray(start, start + qpos.length));
    qvel.set(states.subarray(start + qpos.length, start + qpos.length + qvel.length));
    mujoco.mj_forward(model, data);
    if (this.usesForces && this.settings.start.contactForces) mujoco.mj_rnePostConstraint(model, data);
    this.store(rows, row);
    rows.rewards[row] = 0;
    rows.terminated[row] = 0;
  }

  private step(rows: EpisodeRows, row: number): void {
    const { mujoco, model, data, settings } = this;
    const { states, actions, sizes } = rows;
    const { qpos, qvel, warmStart, controls } = this.views;
    let at = row * sizes.state;
    for (const view of [qpos, qvel, warmStart]) {
      view.set(states.subarray(at, at + view.length));
      at += view.length;
    }
    const [x, y] = [states[at]!, states[at + 1]!];
    let effort = 0;
    for (let i = 0; i < controls.length; i++) {
      const control = actions[row * sizes.action + i]! / settings.actionBound;
      controls[i] = control;
      effort += control * control;
    }
    for (let frame = 0; frame < settings.frameSkip; frame++) mujoco.mj_step(model, data);
    if (settings.forwardAfterStep) {
      if (this.usesForces) mujoco.mj_forward(model, data);
      else {
        // As mj_forward has them, without the accelerations that nothing is read of.
        mujoco.mj_kinematics(model, data);
        mujoco.mj_comPos(model, data);
        mujoco.mj_comVel(model, data);
      }
    }
    if (this.measure.ofCentres) mujoco.mj_subtreeVel(model, data);
    if (this.usesForces) mujoco.mj_rnePostConstraint(model, data);
    this.reward(rows, row, x, y, effort);
    this.store(rows, row);
  }

  /** Writes reward and end of a step from x and y, whose controls had these squares. */
  private reward(rows: EpisodeRows, row: number, x: number, y: number, effort: number): void {
    const { reward, healthyHeights } = this.settings;
    const { views, measure, seconds } = this;
    const goal = row * rows.sizes.goal;
    const velocity = measure.velocity(views, 0, x, seconds);
    const wanted = rows.goals[goal + 2]!;
    // A goal is a direction, or, where that is no number, a velocity.
    const [alongX, alongY] = [rows.goals[goal]!, rows.goals[goal + 1]!];
    const forward = Number.isNaN(wanted)
      ? alongX * velocity + alongY * measure.velocity(views, 1, y, seconds)
      : reward.velocityOffset - Math.abs(velocity - wanted);
    let contact = 0;
    if (this.usesForces) for (const force of views.contactForces) contact += clipped(force) ** 2;
    const height = views.qpos[2]!;
    const isHealthy = healthyHeights === undefined || (height >= healthyHeights[0] && height <= healthyHeights[1]);
    const alive = isHealthy || reward.aliveAtEnd ? reward.alive : 0;
    rows.rewards[row] = forward + alive - (reward.controlCost * effort + reward.contactCost * contact);
    rows.terminated[row] = isHealthy ? 0 : 1;
  }

  /** Writes the state and what is observed of it. */
  private store(rows: EpisodeRows, row: number): void {
    const { states, observations, sizes } = rows;
    const { views, measure } = this;
    const { qpos, qvel, warmStart } = views;
    let at = row * sizes.state;
    for (const view of [qpos, qvel, warmStart]) {
      states.set(view, at);
      at += view.length;
    }
    for (let axis = 0; axis < placeSize; axis++) states[at + axis] = measure.place(views, axis);
    const { positionsFrom, contactForces, torsoRotation, torsoPlace } = this.settings.observation;
    at = row * sizes.observation;
    const observe = (values: Float64Array, from: number, to = values.length): void => {
      for (let i = from; i < to; i++) observations[at++] = values[i]!;
    };
    observe(qpos, positionsFrom);
    observe(qvel, 0);
    if (contactForces !== undefined) {
      const forces = views.contactForces;
      for (let i = contactForces === "all" ? 0 : 6; i < forces.length; i++) observations[at++] = clipped(forces[i]!);
    }
    if (torsoRotation) observe(views.rotations, 9 * torso, 9 * torso + 9);
    if (torsoPlace) observe(torsoPlace === "frame" ? views.places : views.centres, 3 * torso, 3 * torso + 3);
  }

  private stateBefore(state: Float64Array): Float64Array {
    if (this.before.length < state.length) this.before = new Float64Array(state.length);
    this.before.set(state);
    return this.before.subarray(0, state.length);
  }

  private warningCounts(): number[] {
    return warnings.map((_, kind) => {
      const warning = this.warnings.get(kind)!;
      const { number } = warning;
      warning.delete();
      return number;
    });
  }

  private renewData(): void {
    this.data.delete();
    this.data = new this.mujoco.MjData(this.model);
    this.views = viewsOf(this.data);
    this.warnings = this.data.warning;
  }
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

const clipped = (force: number): number => Math.min(1, Math.max(-1, force));

function viewsOf(data: MjData): DataViews {
  return {
    qpos: data.qpos as Float64Array,
    qvel: data.qvel as Float64Array,
    warmStart: data.qacc_warmstart as Float64Array,
    controls: data.ctrl as Float64Array,
    places: data.xpos as Float64Array,
    rotations: data.xmat as Float64Array,
    centres: data.subtree_com as Float64Array,
    centreVelocities: data.subtree_linvel as Float64Array,
    contactForces: data.cfrc_ext as Float64Array,
  };
}

/** Refuses a model that is not what rows were laid out for. */
function requireSizes({ nq, nv, nu, nbody, na }: MjModel, body: LocomotionSettings["body"]): void {
  const { positions, velocities, controls, bodies: count } = bodies[body];
  const found = [nq, nv, nu, nbody, na].join(", ");
  const wanted = [positions, velocities, controls, count, 0].join(", ");
  if (found !== wanted) throw new Error(`the model of ${body} has sizes ${found}, where ${wanted} were expected`);
}
