/**
 * SAM settles in a minimum that only the mean loss has; DGSAM leaves it. Measures where both end, from several starting
 * points, and draws the paths. The losses stand in two-domains.ts.
 *
 *     npm run example fake-flat-minima [output.svg]
 */
import { writeFileSync } from "node:fs";
import { init } from "echarts";
import { DOMAIN_LOSSES, meanLoss, RHO, sharpness, startingPoints, trajectory } from "./two-domains.js";

const ALGORITHMS = ["SAM", "DGSAM"] as const;
const output = process.argv[2] ?? "fake-flat-minima.svg";

const runs = ALGORITHMS.flatMap((algorithm) =>
  startingPoints(6).map((start, seed) => ({ algorithm, path: trajectory(algorithm, start, { seed }) })),
);

console.log(`Sharpness: how far a loss rises within ${RHO}.\n`);
console.log("          start                end      mean loss   of the mean   of a domain");
for (const { algorithm, path } of runs) {
  const end = path.at(-1)!;
  const point = (at: readonly number[]) => `(${at.map((value) => value.toFixed(2).padStart(5)).join(", ")})`;
  const own = Math.max(...DOMAIN_LOSSES.map((loss) => sharpness(loss, end, RHO)));
  const measured = [meanLoss(end).toFixed(4).padStart(9), sharpness(meanLoss, end, RHO).toFixed(4).padStart(13), own.toFixed(4).padStart(13)];
  console.log(`${algorithm.padEnd(6)} ${point(path[0]!)} -> ${point(end)}  ${measured.join(" ")}`);
}

const xs = Array.from({ length: 301 }, (_, i) => -2 + i / 75);
const profiles = { "domain 1": DOMAIN_LOSSES[0], "domain 2": DOMAIN_LOSSES[1], mean: meanLoss };
const colours = { SAM: "#d1495b", DGSAM: "#00798c", "domain 1": "#edae49", "domain 2": "#66a182", mean: "#333333" };
const chart = init(null, null, { renderer: "svg", ssr: true, width: 720, height: 640 });
chart.setOption({
  animation: false,
  title: [{ text: "The losses along y = 0", left: "center", top: 0 }, { text: "The paths of six runs", left: "center", top: 335 }],
  legend: { top: 42, data: Object.keys(colours) },
  grid: [{ top: 70, height: 210 }, { top: 370, height: 220 }],
  xAxis: [0, 1].map((gridIndex) => ({ gridIndex, name: "x", min: -2, max: 2, axisLine: { onZero: false } })),
  yAxis: ["loss", "y"].map((name, gridIndex) => ({ gridIndex, name, nameLocation: "middle", nameGap: 45, axisLine: { onZero: false } })),
  series: [
    ...Object.entries(profiles).map(([name, loss]) => ({
      name, type: "line", showSymbol: false, color: colours[name as keyof typeof colours], data: xs.map((x) => [x, loss([x, 0])]),
    })),
    ...runs.map(({ algorithm, path }) => ({
      name: algorithm, type: "line", xAxisIndex: 1, yAxisIndex: 1, showSymbol: false, color: colours[algorithm], lineStyle: { width: 0.7 }, data: path.map((at) => [...at]),
    })),
  ],
});
writeFileSync(output, chart.renderToSVGString());
chart.dispose();
console.log(`\nDrawn to ${output}`);
