import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DOMAIN_LOSSES, meanLoss, RHO, sharpness, trajectory } from "../../examples/two-domains.js";

const RUN = fileURLToPath(new URL("../../examples/run.mjs", import.meta.url));
const example = (...args: string[]) => spawnSync(process.execPath, [RUN, ...args], { encoding: "utf8", timeout: 50_000 });

const own = (point: readonly [number, number]) => Math.max(...DOMAIN_LOSSES.map((loss) => sharpness(loss, point, RHO)));

test("SAM settles in the fake flat minimum, and DGSAM leaves it, whatever the seed", () => {
  const sam = trajectory("SAM", 0).at(-1)!;
  expect(sam[1]).toBeCloseTo(-1, 6);
  for (let seed = 0; seed < 8; seed++) {
    const dgsam = trajectory("DGSAM", seed).at(-1)!;
    // Both are at the bottom, and the mean is flat at both; only the single domains differ.
    for (const end of [sam, dgsam]) {
      expect(meanLoss(end)).toBeLessThan(1e-4);
      expect(sharpness(meanLoss, end, RHO)).toBeLessThan(1e-4);
    }
    expect(own(sam)).toBeGreaterThan(5 * own(dgsam));
  }
});

test("fake-flat-minima draws an SVG", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-example-"));
  try {
    const file = path.join(folder, "paths.svg");
    const { status, stdout, stderr } = example("fake-flat-minima", file);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toMatch(/SAM +ends at y = -1\.00[^]*DGSAM ends at y/);
    expect(readFileSync(file, "utf8")).toMatch(/^<svg [^]*DGSAM[^]*<\/svg>$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("drop-in-sam runs both", () => {
  expect(example("drop-in-sam").stdout).toMatch(/SAM: mean loss \d\.\d+\nDGSAM: loss by site( \d\.\d+){3}/);
});

test("an unknown example names those there are", () => {
  const { status, stderr } = example("nope");
  expect(status).toBe(1);
  expect(stderr).toContain("drop-in-sam, fake-flat-minima, quick-start");
});
