/** What of a clone and of its modules goes into the offline bundle. */

import { InstallError } from "../errors.mjs";

/** What of the clone is needed to build, test and measure. */
export const SOURCES = ["CMakeLists.txt", "LICENSE", "bench", "install", "lib", "native", "package.json", "test", "tsconfig.json", "vitest.config.ts"];
/** Development modules that tests need, beside the modules that the package itself needs. */
const TEST_MODULES = ["fast-check", "vitest"];

/**
 * The paths in node_modules of what this package, and its tests, depend on.
 * @param {Record<string, any>} packages those of package-lock.json, by path
 */
export function neededModules(packages) {
  /** @type {Set<string>} */
  const needed = new Set();
  /** @type {(by: string, name: string, optional: boolean) => void} */
  const need = (by, name, optional) => {
    // As Node looks: in the node_modules of who asks, then of the folders above.
    for (let folder = by; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("node_modules/") - 1))) {
      const found = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
      if (packages[found] !== undefined) return visit(found);
      if (folder === "") break;
    }
    if (!optional) throw new InstallError("ERR_ADDON", `package-lock.json has no ${name}, which ${by || "the package"} needs`);
  };
  /** @type {(found: string) => void} */
  const visit = (found) => {
    if (needed.has(found)) return;
    needed.add(found);
    const { dependencies = {}, optionalDependencies = {} } = packages[found];
    for (const name of Object.keys(dependencies)) need(found, name, name in optionalDependencies);
    for (const name of Object.keys(optionalDependencies)) need(found, name, true);
  };
  for (const name of [...Object.keys(packages[""].dependencies), ...TEST_MODULES]) need("", name, false);
  return needed;
}

/** Whether a program reads a file of a module: no documentation, declarations, tests, nor modules within, which are copied for themselves. @param {string} file */
export function isRead(file) {
  if (/^(docs?|tests?|examples?|benchmarks?|man|node_modules)(\/|$)/.test(file)) return false;
  return !/\.(map|md|markdown|[cm]?ts|pdb)$/i.test(file) || /licen[cs]e/i.test(file);
}
