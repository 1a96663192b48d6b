/**
 * Guards of a worker: what writes outside of its folder, looks up a name, connects or starts a program is refused and
 * remembered. They stand before any reader is loaded.
 */
import childProcess from "node:child_process";
import dgram from "node:dgram";
import dns from "node:dns";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { FindingKind } from "./outcome.js";

export interface Violation {
  readonly kind: FindingKind;
  readonly detail: string;
}

const violations: Violation[] = [];

/** What was refused since the last call. */
export const takeViolations = (): readonly Violation[] => violations.splice(0);

class Refused extends Error {
  override readonly name = "RefusedByGuard";
}

function refuse(kind: FindingKind, detail: string): never {
  violations.push({ kind, detail });
  throw new Refused(detail);
}

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** Calls `check` with the arguments before a function of a module, which stays as it is otherwise. */
function guard(owner: object, name: string, check: (args: readonly unknown[]) => void): void {
  const functions = owner as Record<string, AnyFunction | undefined>;
  const original = functions[name];
  if (typeof original !== "function") return;
  const guarded: AnyFunction = function (...args) {
    check(args);
    return original.apply(this, args);
  };
  // Some carry others, such as fs.realpath.native.
  functions[name] = Object.assign(guarded, original);
}

/** Functions of node:fs that write, by which of their arguments are paths that are written. */
const writing: Readonly<Record<string, readonly number[]>> = {
  writeFile: [0],
  appendFile: [0],
  mkdir: [0],
  mkdtemp: [0],
  rm: [0],
  rmdir: [0],
  unlink: [0],
  rename: [0, 1],
  copyFile: [1],
  cp: [1],
  link: [1],
  symlink: [1],
  truncate: [0],
  chmod: [0],
  chown: [0],
  utimes: [0],
  lutimes: [0],
  createWriteStream: [0],
};

/** @param folder the only one that may be written in */
export function standGuard(folder: string): void {
  const root = resolve(folder);
  const checkPath = (path: unknown, name: string): void => {
    // A handle was opened before, and checked then.
    if (typeof path === "number" || (typeof path === "object" && path !== null && "fd" in path)) return;
    const text = path instanceof URL ? fileURLToPath(path) : String(path);
    const full = resolve(text);
    if (full !== root && !full.startsWith(root + sep))
      refuse("written", `${name} ${JSON.stringify(full.slice(0, 300))}`);
  };
  const { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND } = fs.constants;
  const isReading = (flags: unknown): boolean =>
    typeof flags === "number"
      ? (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)) === 0
      : flags === undefined || /^rs?$/.test(String(flags));
  for (const owner of [fs, fs.promises]) {
    for (const [name, places] of Object.entries(writing)) {
      for (const each of [name, `${name}Sync`]) {
        guard(owner, each, (args) => {
          for (const place of places) checkPath(args[place], each);
        });
      }
    }
    for (const name of ["open", "openSync"]) {
      guard(owner, name, ([path, flags]) => {
        if (typeof flags !== "function" && !isReading(flags)) checkPath(path, name);
      });
    }
  }
  for (const owner of [dns, dns.promises]) {
    for (const name of Object.keys(owner).filter((each) => /^(lookup|resolve|reverse)/.test(each))) {
      guard(owner, name, ([host]) => {
        // An address is no name: nobody is asked.
        if (net.isIP(String(host)) === 0) refuse("network", `${name} ${String(host)}`);
      });
    }
  }
  guard(net.Socket.prototype, "connect", (args) => {
    const [first] = args as [unknown];
    const [options] = Array.isArray(first) ? (first as [unknown]) : [first];
    const { host, path } = Object(options) as { host?: unknown; path?: unknown };
    // The download reader's own server.
    if (!path && host === "127.0.0.1") return;
    refuse("network", `connect ${String(path ?? host)}`);
  });
  guard(dgram, "createSocket", () => refuse("network", "createSocket"));
  for (const name of ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"]) {
    guard(childProcess, name, ([file]) => refuse("process", `${name} ${String(file)}`));
  }
  syncBuiltinESMExports();
}
