import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { webgpuMissing } from "../executor/webgpu.fixture.js";

const bin = fileURLToPath(new URL("../../bin/innerloop.js", import.meta.url));
let folder: string;

beforeAll(async () => {
  if (!existsSync(new URL("../../dist/cli/main.js", import.meta.url))) throw new Error("Build first: npm run build");
  folder = await mkdtemp(join(tmpdir(), "innerloop-device-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function innerloop(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: folder,
    env: { ...process.env, INNERLOOP_DATA: join(folder, "data"), NO_COLOR: "1", ...env },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (text: Buffer) => {
    out += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    err += text.toString();
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

const train = (run: string, device: string): string[] => [
  ..."train hanzi --iterations 3 --meta-batch 4 --filters 8 --seed 5 --workers 1".split(" "),
  ..."--validate-every 3 --validation-tasks 4 --schedule constant --skip-evaluation --json".split(" "),
  ...["--device", device, "--run", run],
];

type Event = Readonly<Record<string, unknown>>;
const events = (out: string): Event[] =>
  out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Event);

const losses = (out: string): number[] =>
  events(out).flatMap(({ type, loss }) => (type === "iteration" ? [loss as number] : []));

describe("--device webgpu", () => {
  it("trains to the losses of the CPU, goes on there, and evaluates", async (context) => {
    const missing = await webgpuMissing();
    if (missing) context.skip(missing);
    const onGpu = await innerloop(train("gpu", "webgpu"));
    expect(onGpu.code, onGpu.err).toBe(0);
    expect(events(onGpu.out).find(({ type }) => type === "run")).toMatchObject({ workers: 1 });
    const onCpu = await innerloop(train("cpu", "cpu"));
    expect(onCpu.code, onCpu.err).toBe(0);
    const [found, expected] = [losses(onGpu.out), losses(onCpu.out)];
    expect(found).toHaveLength(3);
    found.forEach((loss, i) => {
      expect(Math.abs(loss - expected[i]!)).toBeLessThan(1e-3 * expected[i]!);
    });
    const config = async () => JSON.parse(await readFile(join(folder, "gpu/config.json"), "utf8"));
    expect(await config()).toMatchObject({ config: { training: { device: "webgpu" } }, workers: 1 });

    const resumed = await innerloop(
      "train --resume gpu --device cpu --iterations 5 --skip-evaluation --json".split(" "),
    );
    expect(resumed.code, resumed.err).toBe(0);
    expect(losses(resumed.out)).toHaveLength(2);
    expect(await config()).toMatchObject({ config: { training: { device: "cpu" } } });

    const evaluated = await innerloop(
      "eval gpu --device webgpu --eval-tasks 4 --eval-steps 0,1 --skip-baselines".split(" "),
    );
    expect(evaluated.code, evaluated.err).toBe(0);
    expect(evaluated.out).toMatch(/MAML +\d+\.\d% ± \d+\.\d +\d+\.\d% ± \d+\.\d/);
  });

  it.runIf(process.platform === "linux")("is refused without a driver, and leaves nothing behind", async () => {
    const nothing = join(folder, "no-driver.json");
    const env = { VK_DRIVER_FILES: nothing, VK_ICD_FILENAMES: nothing };
    const { code, out, err } = await innerloop(train("none", "webgpu"), env);
    expect(code).toBe(1);
    expect(out).toBe("");
    expect(err).toMatch(
      /IL404 WebGPU: there is no GPU that it can use \(Failed to get a WebGPU adapter: .*\)\. Install the Vulkan driver of the GPU .*, or use the device cpu$/m,
    );
    expect(await readdir(folder)).not.toContain("none");
  });

  it("takes no workers", async () => {
    const { code, err } = await innerloop(["train", "sinusoid", "--device", "webgpu", "--workers", "2"]);
    expect(code).toBe(2);
    expect(err).toMatch(/^Error: --workers 2 is for --device cpu\. Leave it out/m);
  });
});

it("--device cuda is refused where its library is missing", async (context) => {
  const { code, err } = await innerloop(train("none", "cuda"));
  if (code === 0) context.skip("this machine has CUDA");
  expect(code).toBe(1);
  expect(err).toMatch(/^Error: IL404 CUDA: .*, or use the device cpu$/m);
  if (process.platform === "linux" && process.arch === "x64")
    expect(err).toMatch(/is not installed\. Download it with `node .*install\.js --onnxruntime-node-install=cuda12`/);
  expect(await readdir(folder)).not.toContain("none");
});
