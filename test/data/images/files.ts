/** Folders, images and archives that tests make. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { RandomState, type DgsamError, type DgsamErrorCode } from "dgsam";
import sharp from "sharp";
import { pack } from "tar-stream";
import { checkError } from "../errors.js";

/** Writes files, their folders too; a name that ends with "/" is an empty folder. */
export function writeTree(folder: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  for (const [name, content] of Object.entries(files)) {
    const target = path.join(folder, name);
    mkdirSync(name.endsWith("/") ? target : path.dirname(target), { recursive: true });
    if (!name.endsWith("/")) writeFileSync(target, content);
  }
}

/** Runs `use` with a new folder of these files, and removes it afterwards. */
export async function withTree<R>(files: Readonly<Record<string, Uint8Array | string>>, use: (folder: string) => R | Promise<R>): Promise<R> {
  const folder = mkdtempSync(path.join(tmpdir(), "dgsam-images-"));
  try {
    writeTree(folder, files);
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Expects a promise to be rejected, or a call to throw, with a DgsamError of this code whose message matches. */
export async function expectRejection(action: () => unknown, code: DgsamErrorCode, message: RegExp): Promise<DgsamError> {
  let thrown: unknown;
  try {
    await action();
  } catch (error) {
    thrown = error;
  }
  return checkError(thrown, code, message);
}

/** Noise, another one for each seed. */
export async function makeImage(seed: number, format: "jpeg" | "png" | "webp" | "tiff" | "gif" = "jpeg", width = 24, height = 16): Promise<Buffer> {
  const random = new RandomState(seed);
  const pixels = Buffer.from({ length: width * height * 3 } as ArrayLike<number>).map(() => random.randint(0, 256));
  return sharp(pixels, { raw: { width, height, channels: 3 } }).toFormat(format).toBuffer();
}

export type TarItem = readonly [header: string | Parameters<ReturnType<typeof pack>["entry"]>[0], content?: Uint8Array | string];

export async function makeTar(items: readonly TarItem[]): Promise<Buffer> {
  const packer = pack();
  for (const [header, content = ""] of items) packer.entry(typeof header === "string" ? { name: header } : header, content as string);
  packer.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
