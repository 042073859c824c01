/**
 * PyTorch's archives of LibTorch without Python.
 *
 * PyTorch publishes no checksums for them (https://github.com/pytorch/pytorch/issues/60288). The SHA-256 here are those
 * that independent projects recorded when they pinned the same release; each was found in two of them.
 */

import { PINNED_LIBTORCH } from "./platform.mjs";

/** @typedef {{ url: string, sha256: string }} Archive */

const BASE = "https://download.pytorch.org/libtorch/cpu";

/** @type {Record<string, Archive>} */
const ARCHIVES = {
  "linux-x64": {
    url: `${BASE}/libtorch-shared-with-deps-${PINNED_LIBTORCH}%2Bcpu.zip`,
    sha256: "edbf4cbed78433d803e90a65f1752e57783d164bce66c95c0872b2ab8f5c159e",
  },
  "darwin-arm64": {
    url: `${BASE}/libtorch-macos-arm64-${PINNED_LIBTORCH}.zip`,
    sha256: "1e10c6c4dc2764150c9fb2ad28e1889191302734e7f939108e5d2f22f21a06f8",
  },
};

/**
 * The CPU archive for a machine; null where PyTorch publishes none.
 * @param {import("./platform.mjs").Host} host
 */
export function archive({ platform, arch }) {
  return ARCHIVES[`${platform}-${arch}`] ?? null;
}
