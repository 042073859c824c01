/** Installs the npm packages of a clone when they are not those of package-lock.json. */

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { InstallError } from "./errors.mjs";
import { run } from "./run.mjs";

/**
 * Whether node_modules holds what package-lock.json asks for, by npm's own note of what it installed.
 * @param {string} root
 */
export function modulesInstalled(root) {
  const installedFile = path.join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedFile)) return false;
  const read = (/** @type {string} */ file) => JSON.parse(readFileSync(file, "utf8"));
  let installed;
  try {
    installed = read(installedFile).packages ?? {};
  } catch {
    return false;
  }
  const { "": own, ...wanted } = read(path.join(root, "package-lock.json")).packages;
  const manifest = read(path.join(root, "package.json"));
  for (const kind of ["dependencies", "devDependencies"])
    if (JSON.stringify(sorted(own[kind])) !== JSON.stringify(sorted(manifest[kind]))) return false;
  // Optional packages are those of other platforms.
  return Object.entries(wanted).every(([name, { version, optional }]) => (installed[name] === undefined ? optional === true : installed[name].version === version));
}

/** @param {Record<string, string>} [versions] */
function sorted(versions = {}) {
  return Object.entries(versions).sort(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * @param {string} root
 * @param {(line: string) => void} log
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function installModules(root, log, env = process.env) {
  if (modulesInstalled(root)) return;
  log("Installing modules");
  // No scripts: our own install step comes next, from the set-up; the packages we use have none. A clone needs the compiler
  // also where NODE_ENV=production or omit=dev would leave it out.
  const result = await run("npm", ["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: root, env });
  if (result.ok) return;
  throw new InstallError("ERR_ADDON", `The modules could not be installed (npm ci):\n${result.stderr.trim()}`, {
    remedies: ["Behind a proxy or mirror, tell npm: npm config set registry URL", "Then: npm run setup"],
  });
}
