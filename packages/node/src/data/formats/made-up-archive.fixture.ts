import { crc32, deflateRawSync } from "node:zlib";

/** A file for a made-up zip archive of a test. The fields besides name and data make it wrong on purpose. */
export interface MadeUpEntry {
  readonly name: string;
  readonly data: Uint8Array | string;
  readonly stored?: boolean;
  /** Compressed bytes of the entry, in place of those of its data. */
  readonly deflated?: Uint8Array;
  readonly encrypted?: boolean;
  readonly unixMode?: number;
  /** What the headers claim instead of the truth. */
  readonly claimedBytes?: number;
  readonly claimedCrc?: number;
}

/** The bytes of a zip archive, for tests: neither names nor sizes are checked, so that hostile archives can be made. */
export function madeUpZip(entries: readonly MadeUpEntry[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const data = Buffer.from(entry.data);
    const name = Buffer.from(entry.name, "utf8");
    const packed = entry.stored ? data : Buffer.from(entry.deflated ?? deflateRawSync(data));
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800 | (entry.encrypted ? 1 : 0), 2);
    common.writeUInt16LE(entry.stored ? 0 : 8, 4);
    common.writeUInt16LE(0x5021, 8);
    common.writeUInt32LE(entry.claimedCrc ?? crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(entry.claimedBytes ?? data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const header = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), common, name]);
    const attributes = Buffer.alloc(14);
    attributes.writeUInt32LE(((entry.unixMode ?? 0o100644) << 16) >>> 0, 6);
    attributes.writeUInt32LE(offset, 10);
    central.push(Buffer.from("PK\x01\x02\x14\x03", "latin1"), common, attributes, name);
    local.push(header, packed);
    offset += header.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}
