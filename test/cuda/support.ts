/** What tests of a device share: they are skipped where there is none, and say so. */

import { cudaDeviceCount } from "dgsam";
import { describe } from "vitest";

const count = cudaDeviceCount();

/** A group of tests that need CUDA devices, so many; skipped, with the reason in its title, where there are fewer. */
export function describeOnCuda(title: string, body: () => void, devices = 1): void {
  const reason = count === 0 ? "no CUDA device" : `${count} of ${devices} CUDA devices`;
  describe.skipIf(count < devices)(count < devices ? `${title} (skipped: ${reason})` : title, body);
}
