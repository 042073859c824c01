/**
 * What the cache's folder holds of a domain as it was before images were added, removed or renamed, or others of them chosen: files of the
 * same family (decoded-rows.ts). Their images are copied, not decoded again, and what is of no more use is removed.
 *
 * Removing takes nothing from a process that has the file open: the system keeps it until that one closes it. What it still writes is lost for later ones, so
 * files that are not whole yet stay until they have not been used for long.
 */

import { closeSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { DecodedFile } from "./decoded-file.js";
import { DecodedRows, isHeader, layoutOfHeader, openWithHeader, type FileKey, type ImageMark } from "./decoded-rows.js";

/** Files of a domain beside the newest: subsets that are trained on in turn, images that were removed and come back. */
const KEPT = 3;
const UNUSED_DAYS = 30;

const NAME = /^([0-9a-f]{32})(-[0-9a-f]{32})?\.images(\.\d+\.[0-9a-f]{8}\.tmp)?$/;

export function fileName({ family, list }: FileKey): string {
  return `${family.toString("hex")}-${list.toString("hex")}.images`;
}

interface Place {
  readonly rows: DecodedRows;
  readonly index: number;
}

export class EarlierFiles {
  readonly #own: DecodedFile;
  readonly #files: { readonly path: string; readonly rows: DecodedRows }[] = [];
  /** By identity and by content, as text; the places of the file that was used last win. */
  readonly #places = new Map<string, Place>();

  /** Opens what there is; a file that cannot be read is as none. */
  constructor(own: DecodedFile, { family }: FileKey) {
    this.#own = own;
    for (const path of othersOfFamily(own.path).reverse()) {
      const rows = tryOpen(path, family, own.rows.layout.itemBytes);
      if (rows === undefined) continue;
      this.#files.push({ path, rows });
      for (const [index, { identity, content }] of rows.marks()) {
        this.#places.set(textOf(identity), { rows, index });
        this.#places.set(textOf(content), { rows, index });
      }
    }
  }

  /** The image of this identity, or of this content, if one of the files has it whole. */
  find(asked: { identity: Buffer } | { content: Buffer }): { mark: ImageMark; bytes: Uint8Array } | undefined {
    const place = this.#places.get(textOf("identity" in asked ? asked.identity : asked.content));
    try {
      return place?.rows.find(place.index, asked);
    } catch {
      return undefined; // On a damaged disk. It is decoded again.
    }
  }

  /** Removes whole files all of whose images the newest one has. */
  removeSuperseded(): void {
    const held = new Set<string>();
    for (const [, { content }] of this.#own.rows.marks()) held.add(textOf(content));
    for (const { path, rows } of this.#files) {
      const marks = [...rows.marks()];
      if (marks.length === rows.layout.count && marks.every(([, { content }]) => held.has(textOf(content)))) tryRemove(path);
    }
  }

  close(): void {
    for (const { rows } of this.#files.splice(0)) rows.close();
    this.#places.clear();
  }
}

/**
 * Removes what would otherwise stay for ever when a new file is made: of the file's own family all but the {@link KEPT} that were used last, and
 * of any, of older versions of this package too, what was not used for {@link UNUSED_DAYS} days.
 */
export function removeUnused(own: string): void {
  for (const path of othersOfFamily(own).slice(KEPT)) tryRemove(path);
  const folder = dirname(own);
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    if (NAME.test(name) && Date.now() - lastUse(path) > UNUSED_DAYS * 86_400_000 && isOurs(path)) tryRemove(path);
  }
}

/** Files of the same domain and settings beside this one, the one that was used last first. */
function othersOfFamily(own: string): string[] {
  const [folder, ownName] = [dirname(own), basename(own)];
  const family = NAME.exec(ownName)![1];
  return namesIn(folder)
    .filter((name) => name !== ownName && NAME.exec(name)?.[1] === family && name.endsWith(".images"))
    .map((name) => join(folder, name))
    .map((path) => ({ path, used: lastUse(path) }))
    .sort((a, b) => b.used - a.used)
    .map(({ path }) => path);
}

/** In milliseconds; now for what cannot be told. */
function lastUse(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
}

function tryOpen(path: string, family: Buffer, itemBytes: number): DecodedRows | undefined {
  try {
    const opened = openWithHeader(path);
    if (opened === null) return undefined;
    const layout = layoutOfHeader(opened.head, family, itemBytes);
    if (layout !== undefined && layout.length === opened.length) return new DecodedRows(opened.descriptor, layout);
    closeSync(opened.descriptor);
  } catch {
    // What it holds is decoded again.
  }
  return undefined;
}

/** Whether it begins as our files do, of whatever version: the folder may be one that others use, too. */
function isOurs(path: string): boolean {
  try {
    const opened = openWithHeader(path);
    if (opened === null) return false;
    closeSync(opened.descriptor);
    return isHeader(opened.head);
  } catch {
    return false;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function tryRemove(path: string): void {
  try {
    rmSync(path);
  } catch {
    // Another process was first, or it is another user's.
  }
}

function textOf(mark: Buffer): string {
  return mark.toString("latin1");
}
