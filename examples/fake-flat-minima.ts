/**
 * SAM settles where only the mean loss is flat; DGSAM does not. Draws both paths and prints what was measured.
 *
 *     npm run example fake-flat-minima [output.svg]
 */
import { writeFileSync } from "node:fs";
import { init } from "echarts";
import { DOMAIN_LOSSES, meanLoss, RHO, sharpness, trajectory } from "./two-domains.js";

const SEED = 0;
const output = process.argv[2] ?? "fake-flat-minima.svg";

const paths = (["SAM", "DGSAM"] as const).map((algorithm) => ({ algorithm, points: trajectory(algorithm, SEED) }));
for (const { algorithm, points } of paths) {
  const end = points.at(-1)!;
  const own = DOMAIN_LOSSES.map((loss) => sharpness(loss, end, RHO));
  console.log(
    `${algorithm.padEnd(5)} ends at y = ${end[1].toFixed(2)}: mean loss ${meanLoss(end).toFixed(4)}, sharpness of the mean ${sharpness(meanLoss, end, RHO).toFixed(5)}, ` +
      `largest of a single domain ${Math.max(...own).toFixed(5)}`,
  );
}

const chart = init(null, null, { renderer: "svg", ssr: true, width: 640, height: 420 });
chart.setOption({
  animation: false,
  title: { text: "Along the valley x = 0 the mean loss is equally low", left: "center" },
  legend: { top: 30 },
  xAxis: { name: "y", min: -2, max: 0.5 },
  yAxis: { name: "x" },
  series: [
    ...paths.map(({ algorithm, points }) => ({ name: algorithm, type: "line", symbolSize: 4, data: points.map(([x, y]) => [y, x]) })),
    { type: "line", data: [], markArea: { silent: true, label: { formatter: "each domain is steep" }, data: [[{ xAxis: -1.25 }, { xAxis: -0.75 }]] } },
  ],
});
writeFileSync(output, chart.renderToSVGString());
chart.dispose();
console.log(`Drawn to ${output}`);
