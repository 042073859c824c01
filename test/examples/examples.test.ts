import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DOMAIN_LOSSES, meanLoss, RHO, sharpness, startingPoints, trajectory, type Point } from "../../examples/two-domains.js";

const RUN = fileURLToPath(new URL("../../examples/run.mjs", import.meta.url));
const example = (...args: string[]) => spawnSync(process.execPath, [RUN, ...args], { encoding: "utf8", timeout: 50_000 });

const own = (point: Point) => Math.max(...DOMAIN_LOSSES.map((loss) => sharpness(loss, point, RHO)));
const STARTS = startingPoints(8);

test("SAM settles in the fake flat minimum and DGSAM in the true one, wherever they start", () => {
  for (const [seed, start] of STARTS.entries()) {
    const [sam, dgsam] = (["SAM", "DGSAM"] as const).map((algorithm) => trajectory(algorithm, start, { seed }).at(-1)!) as [Point, Point];
    expect(sam[0]).toBeCloseTo(-1, 1);
    expect(dgsam[0]).toBeCloseTo(1, 1);
    // The mean tells nothing: equally low and equally flat. The single domains do.
    for (const end of [sam, dgsam]) {
      expect(meanLoss(end)).toBeLessThan(1e-3);
      expect(sharpness(meanLoss, end, RHO)).toBeLessThan(0.01);
    }
    expect(own(sam)).toBeGreaterThan(20 * own(dgsam));
  }
});

test("it is the climb that leads DGSAM out", () => {
  for (const start of STARTS) expect(trajectory("DGSAM", start, { rho: 0 }).at(-1)![0]).toBeLessThan(0);
});

test("fake-flat-minima draws an SVG", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-example-"));
  try {
    const file = path.join(folder, "paths.svg");
    const { status, stdout, stderr } = example("fake-flat-minima", file);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout.match(/^(SAM|DGSAM) .* -> \( ?-?1\.0/gm)).toHaveLength(12);
    expect(readFileSync(file, "utf8")).toMatch(/^<svg [^]*DGSAM[^]*<\/svg>$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("drop-in-sam runs both", () => {
  expect(example("drop-in-sam").stdout).toMatch(/^SAM    6 gradients a step, loss by site( \d\.\d+){3}\nDGSAM  4 gradients a step, loss by site( \d\.\d+){3}\n$/);
});

test("an unknown example names those there are", () => {
  const { status, stderr } = example("nope");
  expect(status).toBe(1);
  expect(stderr).toContain("drop-in-sam, fake-flat-minima, quick-start");
});
