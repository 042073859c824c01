/** Which machines the package runs on, and what of the machine decides which LibTorch it gets. */

import { existsSync, readFileSync } from "node:fs";
import { InstallError } from "./errors.mjs";
import { kernelsFor, tellsCapability } from "./gpus.mjs";

/** The LibTorch that is fetched, and that the tests run against. */
export const PINNED_LIBTORCH = "2.13.0";
/** The oldest LibTorch that the addon's sources compile against. */
export const OLDEST_LIBTORCH = "2.7.0";
export const OLDEST_NODE = "20.19.0";

/** Platforms on which the tests run. */
const SUPPORTED = ["linux-x64-glibc"];
/** Platforms for which the sources make provision but on which nobody has run the tests. */
const UNTESTED = ["linux-arm64-glibc", "darwin-arm64"];

/** @typedef {import("./platform.mjs").Host} Host */

/** @returns {Host} */
export function currentHost() {
  const { platform, arch } = process;
  return { platform, arch, libc: platform === "linux" ? currentLibc() : null };
}

function currentLibc() {
  // The report otherwise resolves the name of every network peer.
  /** @type {any} */ (process.report).excludeNetwork = true;
  const report = /** @type {any} */ (process.report.getReport());
  return report.header.glibcVersionRuntime === undefined ? "musl" : "glibc";
}

/** @param {Host} host */
export function platformName({ platform, arch, libc }) {
  return [platform, arch, libc].filter((part) => part !== null).join("-");
}

/**
 * @param {Host} [host]
 * @param {NodeJS.ProcessEnv} [env]
 */
export function assertSupportedPlatform(host = currentHost(), env = process.env) {
  const name = platformName(host);
  if (SUPPORTED.includes(name)) return;
  const untested = UNTESTED.includes(name);
  if (untested && env["DGSAM_UNTESTED_PLATFORM"] === "1") return;
  throw new InstallError("ERR_PLATFORM", `dgsam runs on ${SUPPORTED.join(", ")}; this is ${name}.`, {
    remedies: untested
      ? ["The sources make provision for this platform, untested. To try: DGSAM_UNTESTED_PLATFORM=1 npm install"]
      : ["Use a Linux x64 machine or container with glibc, for instance: docker run -it node:22-bookworm"],
  });
}

/** @param {string} [version] */
export function assertSupportedNode(version = process.versions.node) {
  if (compareVersions(version, OLDEST_NODE) >= 0) return;
  throw new InstallError("ERR_PLATFORM", `dgsam needs Node ${OLDEST_NODE} or newer; this is Node ${version}.`, {
    remedies: ["Install a current Node from https://nodejs.org, or: nvm install 22"],
  });
}

/**
 * The NVIDIA driver of this machine, null without one. `version` is null where the driver does not tell (WSL).
 * @param {string} [root] stands before every path; tests give a folder of their own
 * @returns {{ version: string | null } | null}
 */
export function findNvidiaDriver(root = "") {
  const versionFile = `${root}/proc/driver/nvidia/version`;
  if (existsSync(versionFile)) {
    const match = /Kernel Module.*?\s(\d+\.\d+(?:\.\d+)?)\s/.exec(readFileSync(versionFile, "utf8"));
    return { version: match?.[1] ?? null };
  }
  const devices = [`${root}/dev/nvidiactl`, `${root}/usr/lib/wsl/lib/libcuda.so.1`];
  return devices.some((device) => existsSync(device)) ? { version: null } : null;
}

/** The CUDA builds that can be fetched, the best first: the oldest driver that runs one, and what its kernels are compiled for. */
const CUDA_BUILDS = [
  { variant: "cu130", driver: "580", archs: ["75", "80", "86", "90", "100", "120"] },
  { variant: "cu126", driver: "525", archs: ["50", "60", "70", "75", "80", "86", "90"] },
];

/**
 * The LibTorch build to fetch: a CUDA build that the machine's driver runs and that serves most of its GPUs, or "cpu".
 * @param {{ version: string | null } | null} driver
 * @param {NodeJS.ProcessEnv} [env]
 * @param {readonly import("./gpus.mjs").Gpu[]} [gpus] none where the driver does not tell
 */
export function wantedVariant(driver, env = process.env, gpus = []) {
  const choice = env["DGSAM_LIBTORCH_VARIANT"] ?? "";
  if (!/^(cpu|cu\d{3}|)$/.test(choice))
    throw new InstallError("ERR_LIBTORCH", `DGSAM_LIBTORCH_VARIANT: expected "cpu" or a CUDA build such as "cu130", got "${choice}".`);
  if (choice !== "") return choice;
  if (driver === null) return "cpu";
  const known = gpus.filter(tellsCapability);
  const possible = CUDA_BUILDS.filter((build) => driver.version === null || compareVersions(driver.version, build.driver) >= 0).map(({ variant, archs }) => ({
    variant, served: known.filter(({ capability }) => kernelsFor(capability, archs) !== null).length,
  }));
  const most = Math.max(0, ...possible.map(({ served }) => served));
  if (known.length > 0 && most === 0) return "cpu";
  return possible.find(({ served }) => served === most)?.variant ?? "cpu";
}

/**
 * Compares dotted numbers; what follows a "+" or "-" is not looked at.
 * @param {string} a
 * @param {string} b
 */
export function compareVersions(a, b) {
  const [left, right] = [a, b].map((text) => (text.split(/[+-]/)[0] ?? "").split(".").map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
