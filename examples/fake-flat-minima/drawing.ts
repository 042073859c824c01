/** Draws the losses of two-domains.ts and the paths of runs over them, as an SVG. */
import { init } from "echarts";
import { DOMAIN_LOSSES, meanLoss, type Point } from "./two-domains.js";

export interface Run {
  readonly algorithm: "SAM" | "DGSAM";
  readonly path: readonly Point[];
}

const COLOURS = { SAM: "#d1495b", DGSAM: "#00798c", "domain 1": "#edae49", "domain 2": "#66a182", mean: "#333333" };
/** Wide enough for every path: DGSAM's first steps go beyond -2. */
export const FRAME = { x: { min: -2.25, max: 1.75 }, y: { min: -0.9, max: 0.9 } };
const PROFILES = { "domain 1": DOMAIN_LOSSES[0], "domain 2": DOMAIN_LOSSES[1], mean: meanLoss };

/** Above, the losses along y = 0 with the two minima of their mean; below, the paths, from hollow circles to filled ones. */
export function draw(runs: readonly Run[]): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: 760, height: 720 });
  chart.setOption({
    animation: false,
    title: [
      { text: "The losses along y = 0", left: "center", top: 0 },
      { text: `${runs.length / 2} starting points, each with SAM and with DGSAM`, subtext: "from the hollow circle to the filled one", left: "center", top: 360 },
    ],
    legend: { top: 32, icon: "roundRect", itemHeight: 4, data: Object.keys(COLOURS) },
    grid: [{ top: 90, height: 220 }, { top: 430, height: 240 }],
    xAxis: [0, 1].map((gridIndex) => ({ gridIndex, name: "x", ...FRAME.x, axisLabel: { showMinLabel: false, showMaxLabel: false }, axisLine: { onZero: false } })),
    yAxis: ["loss", "y"].map((name, gridIndex) => ({ gridIndex, name, nameLocation: "middle", nameGap: 40, ...FRAME.y, axisLine: { onZero: false } })),
    // Later series lie on top: SAM's short paths over DGSAM's long ones.
    series: [
      ...Object.keys(PROFILES).map(profile),
      minima(0, ["A: flat in the mean only", "B: flat in each domain"]),
      minima(1, ["A", "B"]),
      ...drawn(runs, "DGSAM", 0.8),
      ...drawn(runs, "SAM", 1.8),
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function profile(name: string): object {
  const loss = PROFILES[name as keyof typeof PROFILES];
  const { min, max } = FRAME.x;
  const data = Array.from({ length: 301 }, (_, i) => min + (i / 300) * (max - min)).map((x) => [x, loss([x, 0])]);
  return { name, type: "line", showSymbol: false, color: COLOURS[name as keyof typeof COLOURS], data };
}

/** Lines at A and B through a panel, and what is said of them. */
function minima(panel: number, texts: readonly [a: string, b: string]): object {
  const data = texts.map((name, i) => ({ xAxis: [-1, 1][i], name, label: { position: "end", formatter: "{b}", color: "#333333" } }));
  return { type: "line", xAxisIndex: panel, yAxisIndex: panel, data: [], markLine: { silent: true, symbol: "none", lineStyle: { color: "#999999", type: "dashed" }, data } };
}

/** An algorithm's paths, and circles where they begin and end. */
function drawn(runs: readonly Run[], algorithm: Run["algorithm"], width: number): object[] {
  const own = runs.filter((run) => run.algorithm === algorithm);
  const color = COLOURS[algorithm];
  const lower = { name: algorithm, xAxisIndex: 1, yAxisIndex: 1, color };
  const marks = (at: number, symbolSize: number, itemStyle: object) => ({ ...lower, type: "scatter", z: 5, symbolSize, itemStyle, data: own.map(({ path }) => [...path.at(at)!]) });
  return [
    ...own.map(({ path }) => ({ ...lower, type: "line", showSymbol: false, lineStyle: { width, opacity: 0.8 }, data: path.map((point) => [...point]) })),
    marks(0, algorithm === "SAM" ? 11 : 7, { color: "transparent", borderColor: color, borderWidth: 1.5 }),
    marks(-1, 11, { color, borderColor: "#ffffff", borderWidth: 1 }),
  ];
}
