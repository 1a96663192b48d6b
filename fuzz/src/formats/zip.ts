/** Zip archives whose contents, names and fields may be wrong while all the rest is right. */
import { crc32, deflateRawSync } from "node:zlib";
import { concatenated, hostileTexts, joined, type Mutation, mutated } from "../mutations.js";
import type { Random } from "../random.js";

export interface ZipEntry {
  readonly name: string;
  readonly data: Uint8Array;
}

/** What the headers may claim instead of the truth. */
interface Claims {
  readonly stored?: boolean;
  readonly method?: number;
  readonly flags?: number;
  readonly mode?: number;
  readonly bytes?: number;
  readonly packedBytes?: number;
  readonly crc?: number;
  readonly offset?: number;
  readonly extra?: Uint8Array;
}

const u16 = (value: number): Uint8Array => Uint8Array.of(value, value >>> 8);
const u32 = (value: number): Uint8Array => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
const nothing = new Uint8Array(0);

/** An archive of these files; `claimsOf` says what is wrong about each. */
export function zip(
  entries: readonly ZipEntry[],
  claimsOf: (index: number) => Claims = () => ({}),
  count = 0,
): Uint8Array {
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let at = 0;
  for (const [i, { name, data }] of entries.entries()) {
    const claims = claimsOf(i);
    const packed = claims.stored ? data : deflateRawSync(data, { level: 1 });
    const text = new TextEncoder().encode(name);
    const extra = claims.extra ?? nothing;
    const common = joined(
      u16(20),
      u16(claims.flags ?? 0x0800),
      u16(claims.method ?? (claims.stored ? 0 : 8)),
      u32(0x50215021),
      u32(claims.crc ?? crc32(data)),
      u32(claims.packedBytes ?? packed.length),
      u32(claims.bytes ?? data.length),
      u16(text.length),
      u16(extra.length),
    );
    const mode = u32(((claims.mode ?? 0o100644) << 16) >>> 0);
    central.push(
      u32(0x02014b50),
      u16(0x0314),
      common,
      u16(0),
      u16(0),
      u16(0),
      mode,
      u32(claims.offset ?? at),
      text,
      extra,
    );
    const file = joined(u32(0x04034b50), common, text, extra, packed);
    local.push(file);
    at += file.length;
  }
  const directory = concatenated(central);
  const total = u16(entries.length + count);
  const end = joined(u32(0x06054b50), u32(0), total, total, u32(directory.length), u32(at), u16(0));
  return concatenated([...local, directory, end]);
}

function anyClaims(random: Random): Claims {
  const wrong = random.pick([0, 1, 255, 65535, 65536, 2 ** 31, 2 ** 32 - 1]);
  return random.pick<Claims>([
    { stored: true },
    { method: random.pick([0, 1, 6, 9, 12, 14, 93, 99]) },
    { flags: random.pick([0, 1, 8, 0x41, 0x0801, 0x2000]) },
    { mode: random.pick([0o120777, 0o40755, 0o10644, 0o20644, 0o60644, 0o140644]) },
    { bytes: wrong },
    { packedBytes: wrong },
    { crc: random.next() },
    { offset: random.chance(0.5) ? 0 : wrong },
    { extra: joined(u16(1), u16(28), random.bytes(28)), bytes: 2 ** 32 - 1 },
    { extra: random.bytes(random.length(40)) },
  ]);
}

/** A zip of some of these files, one of them other by `mutations`, or with one name, field or count that is wrong. */
export const zipMutation =
  (files: readonly ZipEntry[], mutations: readonly Mutation[]): Mutation =>
  (_, mutating) => {
    const { random } = mutating;
    const entries = files.filter(() => !random.chance(0.05));
    const at = random.below(entries.length);
    const picked = entries[at];
    if (!picked) return zip([]);
    const kind = random.below(10);
    if (kind < 4) entries[at] = { ...picked, data: mutated(picked.data, mutations, mutating) };
    else if (kind < 6) {
      const folders = picked.name.split("/").slice(0, -1);
      const name = random.pick([
        random.pick(hostileTexts),
        picked.name.replace(/^[^/]*/, random.pick(hostileTexts)),
        picked.name.toUpperCase(),
        `${picked.name}/`,
        [...folders, random.pick(hostileTexts)].join("/"),
      ]);
      entries[at] = { ...picked, name };
    } else if (kind === 6) entries.push(random.pick(entries));
    // Zeros shrink to a thousandth.
    else if (kind === 7)
      entries[at] = { ...picked, data: new Uint8Array(2 ** (10 + random.below(random.chance(0.1) ? 16 : 12))) };
    const claims = kind >= 8 ? anyClaims(random) : {};
    return zip(entries, (i) => (i === at ? claims : {}), random.chance(0.03) ? random.pick([-1, 1, 1000]) : 0);
  };

/** What the records of an archive begin with: of entries, of files, of the end, and of the two ends of zip64. */
export const zipSignatures = ["PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "PK\x06\x06", "PK\x06\x07"] as const;
