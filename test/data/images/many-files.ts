/** Folders of many images for the cost of few: links to shared folders of 1, 2, 4, ... 512 files, which a scan follows. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll } from "vitest";
import { writeTree } from "./files.js";

const BITS = 10;
/** The most images that a class folder can have so. */
export const MOST = 2 ** BITS - 1;

/** Makes the shared folders, for all tests of a file. */
export function makeStores(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "dgsam-stores-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const files: Record<string, string> = {};
  for (let bit = 0; bit < BITS; bit++) for (let i = 0; i < 2 ** bit; i++) files[`${bit}/${i}.jpg`] = "";
  writeTree(folder, files);
  return folder;
}

/** Makes a class folder of so many images. */
export function linkImages(stores: string, classFolder: string, count: number): void {
  mkdirSync(classFolder, { recursive: true });
  for (let bit = 0; bit < BITS; bit++) if ((count >> bit) & 1) symlinkSync(path.join(stores, String(bit)), path.join(classFolder, `part-${bit}`));
}

/** Makes a domain of so many images: at least one in each class, the rest in the first ones. */
export function linkDomain(stores: string, domain: string, classes: readonly string[], count: number): void {
  let rest = count - classes.length;
  for (const each of classes) {
    const more = Math.min(rest, MOST - 1);
    rest -= more;
    linkImages(stores, path.join(domain, each), 1 + more);
  }
}
