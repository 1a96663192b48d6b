import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { readRegularFile } from "./regular-file.js";

const folder = mkdtempSync(join(tmpdir(), "innerloop-regular-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const refusal = (path: string, links: "followed" | "refused" = "followed", most = 100): Promise<string> =>
  readRegularFile(path, { most, links }).then(
    () => "read",
    (error: unknown) => String(error),
  );

it("plain files are read, and links to them where the path is the user's own", async () => {
  writeFileSync(at("plain"), "text");
  symlinkSync(at("plain"), at("link"));
  const options = { most: 4, links: "followed" } as const;
  expect(Buffer.from(await readRegularFile(at("plain"), options)).toString()).toBe("text");
  expect(Buffer.from(await readRegularFile(at("link"), options)).toString()).toBe("text");
  expect(await refusal(at("link"), "refused")).toMatch(/ILD03 .*link: it is a symbolic link/);
  expect(await refusal(at("plain"), "refused", 3)).toMatch(/ILD03 .*plain: it has 4 bytes, and at most 3 are read/);
});

it.skipIf(process.platform === "win32")("pipes, devices, sockets and folders are refused at once", async () => {
  execFileSync("mkfifo", [at("pipe")]);
  symlinkSync("/dev/zero", at("zero"));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(at("socket"), resolve));
  expect(await refusal(at("pipe"))).toMatch(/ILD03 .*it is a named pipe/);
  expect(await refusal(at("zero"))).toMatch(/ILD03 .*it is a device/);
  expect(await refusal(at("socket"))).toMatch(/ILD03 .*it is a socket/);
  expect(await refusal(folder)).toMatch(/ILD03 .*it is a folder/);
  expect(await refusal(at("none"))).toMatch(/ILD03 .*none: there is no such file or folder\. Check the path/);
  await new Promise((resolve) => server.close(resolve));
});
