/** The bodies that this package has models of, and what is known of them before MuJoCo reads their files. */

/** The version of MuJoCo that results are for: another computes other bits. */
export const mujocoVersion = "3.14.0";

/** A model: its file, and the sizes of its state. */
export interface BodyModel {
  readonly file: string;
  readonly sha256: string;
  /** Numbers of qpos, of qvel and of controls, and bodies, of which the world is the first. */
  readonly positions: number;
  readonly velocities: number;
  readonly controls: number;
  readonly bodies: number;
  /** Whether it moves over the ground freely, and not in the plane of x and z alone. */
  readonly movesInPlane: boolean;
  /** qpos of the model, as its file has it. */
  readonly start: readonly number[];
}

/** The models by name. Sizes are checked where a model is read. */
export const bodies = {
  "half-cheetah": {
    file: "half_cheetah.xml",
    sha256: "11797a5d69e8ac955e89ca6fdd3a0087f1c990094fda401ac51420de1b6c5494",
    positions: 9,
    velocities: 9,
    controls: 6,
    bodies: 8,
    movesInPlane: false,
    start: [0, 0, 0, 0, 0, 0, 0, 0, 0],
  },
  ant: {
    file: "ant.xml",
    sha256: "cd5f83ef0ea35b0969e65d360c5bacd5b74ccaef6b27e4433b5168c605e3e2be",
    positions: 15,
    velocities: 14,
    controls: 8,
    bodies: 14,
    movesInPlane: true,
    start: [0, 0, 0.75, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  },
} as const satisfies Record<string, BodyModel>;

/** Names of bodies. */
export type Body = keyof typeof bodies;
