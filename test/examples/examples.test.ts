import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { SGD, tensor, type Tensor } from "dgsam";
import { expect, test } from "vitest";
import { WSAM } from "../../examples/custom-algorithm/wsam.js";
import { FRAME } from "../../examples/fake-flat-minima/drawing.js";
import { DOMAIN_LOSSES, meanLoss, RHO, sharpness, startingPoints, trajectory, type Point } from "../../examples/fake-flat-minima/two-domains.js";
import { closuresIn, MODES } from "../optim/modes.js";
import { values, worstError } from "../optim/support.js";

const RUN = fileURLToPath(new URL("../../examples/run.mjs", import.meta.url));
const example = (...args: string[]) => spawnSync(process.execPath, [RUN, ...args], { encoding: "utf8", timeout: 170_000 });

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
    // The folder is made.
    const file = path.join(folder, "pictures", "paths.svg");
    const { status, stdout, stderr } = example("fake-flat-minima", file);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout.match(/^(SAM|DGSAM) .* -> \( ?-?1\.0/gm)).toHaveLength(12);
    const svg = readFileSync(file, "utf8");
    expect(svg).toMatch(/^<svg [^]*6 starting points, each with SAM and with DGSAM[^]*<\/svg>$/);
    for (const label of ["A: flat in the mean only", "B: flat in each domain"]) expect(svg).toContain(label);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the frame of the picture holds every path", () => {
  for (const algorithm of ["SAM", "DGSAM"] as const) {
    for (const [seed, start] of startingPoints(6).entries()) {
      for (const [x, y] of trajectory(algorithm, start, { seed })) {
        expect(x).toBeGreaterThan(FRAME.x.min);
        expect(x).toBeLessThan(FRAME.x.max);
        expect(Math.abs(y)).toBeLessThan(FRAME.y.max);
      }
    }
  }
});

test("quick-start learns, and does well on the angle that it never saw", { timeout: 180_000 }, () => {
  const { status, stdout, stderr } = example("quick-start");
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(7);
  expect(lines[5]).toMatch(/^step 300: loss by domain( \d\.\d\d){5}$/);
  const accuracy = /^accuracy on the 1667 digits turned by 45 degrees, .*: (\d+\.\d)%$/.exec(lines[6]!);
  expect(Number(accuracy![1])).toBeGreaterThan(80);
});

test("drop-in-sam runs both", () => {
  expect(example("drop-in-sam").stdout).toMatch(/^SAM    6 gradients a step, loss by site( \d\.\d+){3}\nDGSAM  4 gradients a step, loss by site( \d\.\d+){3}\n$/);
});

test.each(MODES)("custom-algorithm: twenty lines that take WSAM's step, %s", (mode) => {
  const start = () => tensor([1, -2], { dtype: "float64", requiresGrad: true });
  const param = start();
  const lossOf = closuresIn(mode, (d: Tensor) => param.pow(3).sum().mul(d));
  const result = new WSAM([param], SGD, { gamma: 0.8, rho: 0.1, lr: 0.01 }).step([1, 3].map((d) => lossOf(tensor(d, { dtype: "float64" }))));
  // The mean of the two is 2 p^3: its gradient is 6 p^2.
  const gradient = (p: number[]) => p.map((each) => 6 * each * each);
  const g = gradient([1, -2]);
  const perturbed = gradient([1, -2].map((p, i) => p + (0.1 * g[i]!) / Math.hypot(...g)));
  const expected = [1, -2].map((p, i) => p - 0.01 * (-3 * g[i]! + 4 * perturbed[i]!));
  expect(worstError(values(param), expected)).toBeLessThan(1e-14);
  expect(result.losses).toEqual([-7, -21]);
  expect(() => new WSAM([start()], SGD, { learningRate: 1 })).toThrow(/unknown option 'learningRate'/);
});

test("custom-algorithm trains", () => {
  const { stdout, stderr } = example("custom-algorithm");
  expect(stderr).toBe("");
  const losses = [...stdout.matchAll(/^step \d+  loss by site (\S+) (\S+) (\S+)  norm of the gradient/gm)].map(([, ...each]) => Math.max(...each.map(Number)));
  expect(losses).toHaveLength(3);
  expect(losses[2]).toBeLessThan(losses[0]!);
  expect(losses[2]).toBeLessThan(0.4);
});

test.each(["nope", "two-domains", "fake-flat-minima/two-domains", "run"])("%s is no example: those there are get named", (name) => {
  const { status, stdout, stderr } = example(name);
  expect(status).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toBe("npm run example NAME, where NAME is one of: custom-algorithm, drop-in-sam, fake-flat-minima, quick-start\n");
});
