/** Builds IDX files for tests, byte by byte from the format's description. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function idx(sizes: readonly number[], elements: Uint8Array, type = 0x08): Buffer {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header[2] = type;
  header[3] = sizes.length;
  for (const [i, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * i);
  return Buffer.concat([header, elements]);
}

/** Runs `use` with a new folder that holds `files`, and removes it afterwards. */
export function withFiles<R>(files: Readonly<Record<string, Uint8Array>>, use: (folder: string) => R): R {
  const folder = mkdtempSync(join(tmpdir(), "dgsam-test-"));
  try {
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
