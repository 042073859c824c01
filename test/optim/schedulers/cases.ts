/** The table of schedules that the tests run: every scheduler, many options. */
import { metrics, type Spec } from "./support.js";

export const STEPS = 200;

/** Of every scheduler. The groups are three. */
export const SINGLE: Spec[] = [
  { name: "StepLR", options: { stepSize: 30 } },
  { name: "StepLR", options: { stepSize: 1, gamma: 0.97 } },
  { name: "StepLR", options: { stepSize: 7, gamma: 1.1 } },
  { name: "StepLR", options: { stepSize: 300, gamma: 0 } },
  { name: "MultiStepLR", options: { milestones: [30, 80] } },
  { name: "MultiStepLR", options: { milestones: [80, 30, 30, 0, 199], gamma: 0.3 } },
  { name: "MultiStepLR", options: { milestones: [] } },
  { name: "ExponentialLR", options: { gamma: 0.95 } },
  { name: "ExponentialLR", options: { gamma: 1 } },
  { name: "ExponentialLR", options: { gamma: 0 } },
  { name: "ConstantLR", options: {} },
  { name: "ConstantLR", options: { factor: 0.7, totalIters: 40 } },
  { name: "ConstantLR", options: { factor: 0.3, totalIters: 0 } },
  { name: "LinearLR", options: {} },
  { name: "LinearLR", options: { startFactor: 0.01, totalIters: 150 } },
  { name: "LinearLR", options: { startFactor: 1, endFactor: 0, totalIters: 60 } },
  { name: "LinearLR", options: { startFactor: 0.5, endFactor: 0.5, totalIters: 0 } },
  { name: "PolynomialLR", options: {} },
  { name: "PolynomialLR", options: { totalIters: 180, power: 0.9 } },
  { name: "PolynomialLR", options: { totalIters: 250, power: 3 } },
  { name: "PolynomialLR", options: { totalIters: 0, power: 0 } },
  { name: "CosineAnnealingLR", options: { tMax: 200 } },
  { name: "CosineAnnealingLR", options: { tMax: 10, etaMin: 1e-3 } },
  { name: "CosineAnnealingLR", options: { tMax: 1, etaMin: 0.02 } },
  { name: "CosineAnnealingLR", options: { tMax: 63, etaMin: 0.05 } },
  { name: "CosineAnnealingWarmRestarts", options: { t0: 10 } },
  { name: "CosineAnnealingWarmRestarts", options: { t0: 10, tMult: 2, etaMin: 1e-4 } },
  { name: "CosineAnnealingWarmRestarts", options: { t0: 1, tMult: 3 } },
  { name: "CosineAnnealingWarmRestarts", options: { t0: 7, tMult: 2 }, arguments: Array.from({ length: STEPS }, (_, i) => (i + 1) / 4) },
  { name: "CosineAnnealingWarmRestarts", options: { t0: 5 }, arguments: Array.from({ length: STEPS }, (_, i) => [i / 3, null, null, 199 - i][i % 4]!) },
  { name: "OneCycleLR", options: { maxLr: 0.5, totalSteps: 200 } },
  { name: "OneCycleLR", options: { maxLr: [0.5, 0.1, 0.02], epochs: 20, stepsPerEpoch: 10, annealStrategy: "linear", divFactor: 10, finalDivFactor: 100 } },
  { name: "OneCycleLR", options: { maxLr: 0.5, totalSteps: 220, threePhase: true, pctStart: 0.4 } },
  { name: "OneCycleLR", options: { maxLr: 0.5, totalSteps: 201, threePhase: true, pctStart: 0.2, annealStrategy: "linear", baseMomentum: [0.8, 0.7, 0.6], maxMomentum: 0.9 } },
  { name: "OneCycleLR", options: { maxLr: 1, totalSteps: 300, cycleMomentum: false, pctStart: 0 } },
  { name: "OneCycleLR", options: { maxLr: 1, totalSteps: 150 } },
  { name: "OneCycleLR", options: { maxLr: 1, totalSteps: 10, pctStart: 0.1 } },
  { name: "OneCycleLR", options: { maxLr: 1, totalSteps: 50, pctStart: 1 } },
  { name: "ReduceLROnPlateau", options: {}, arguments: metrics(STEPS, 1) },
  { name: "ReduceLROnPlateau", options: { mode: "max", factor: 0.5, patience: 2, threshold: 0.05, cooldown: 3, minLr: 1e-3 }, arguments: metrics(STEPS, 2) },
  { name: "ReduceLROnPlateau", options: { patience: 0, factor: 0.9, thresholdMode: "abs", threshold: 0.01, minLr: [0.05, 0.01, 0], eps: 1e-3 }, arguments: metrics(STEPS, 3) },
  { name: "ReduceLROnPlateau", options: { mode: "max", thresholdMode: "abs", patience: 4, factor: 0 }, arguments: metrics(STEPS, 5) },
  { name: "LambdaLR", options: { lrLambda: 0.1 } },
  { name: "LambdaLR", options: { lrLambda: [0.1, 0, 2] } },
  { name: "WarmupLR", options: {} },
  { name: "WarmupLR", options: { startFactor: 0.001, totalIters: 20, after: { name: "CosineAnnealingLR", options: { tMax: 180 } } } },
  { name: "WarmupLR", options: { totalIters: 0, after: { name: "ExponentialLR", options: { gamma: 0.99 } } } },
];

const sequence = (schedulers: Spec[], milestones: number[]): Spec => ({ name: "SequentialLR", options: { schedulers, milestones } });

export const SEQUENCES: Spec[] = [
  sequence([{ name: "ConstantLR", options: { factor: 0.1, totalIters: 20 } }, { name: "ExponentialLR", options: { gamma: 0.9 } }], [20]),
  sequence(SINGLE.filter(({ name }) => ["StepLR", "MultiStepLR", "ConstantLR", "LambdaLR"].includes(name)).slice(0, 8), [10, 20, 40, 40, 80, 120, 160]),
  sequence([{ name: "LinearLR", options: { totalIters: 30 } }, { name: "PolynomialLR", options: { totalIters: 50, power: 2 } }, { name: "CosineAnnealingWarmRestarts", options: { t0: 9, tMult: 2 } }, { name: "LinearLR", options: { totalIters: 12, startFactor: 0.2 } }], [30, 90, 170]),
  sequence([{ name: "CosineAnnealingLR", options: { tMax: 25, etaMin: 0.001 } }, { name: "OneCycleLR", options: { maxLr: 0.3, totalSteps: 120 } }], [60]),
  sequence([{ name: "OneCycleLR", options: { maxLr: 0.3, totalSteps: 120, threePhase: true } }, { name: "CosineAnnealingLR", options: { tMax: 25, etaMin: 0.001 } }], [120]),
  sequence([{ name: "ExponentialLR", options: { gamma: 0.9 } }, { name: "StepLR", options: { stepSize: 3 } }], [0]),
  sequence([{ name: "CosineAnnealingLR", options: { tMax: 10 } }], []),
  sequence([{ name: "ConstantLR", options: {} }, { name: "LinearLR", options: { totalIters: 0 } }], [50]),
  sequence([{ name: "ConstantLR", options: {} }, { name: "PolynomialLR", options: { totalIters: 0 } }], [50]),
  // Nested: PyTorch knows sequences only as the first of another.
  sequence([sequence([{ name: "ExponentialLR", options: { gamma: 0.9 } }, { name: "StepLR", options: { stepSize: 5 } }], [8]), { name: "LinearLR", options: { totalIters: 40 } }], [30]),
  sequence([sequence([sequence([{ name: "ConstantLR", options: { totalIters: 4 } }, { name: "ExponentialLR", options: { gamma: 0.9 } }], [6]), { name: "MultiStepLR", options: { milestones: [0, 4] } }], [12]), { name: "LambdaLR", options: { lrLambda: 0.3 } }], [25]),
  sequence([{ name: "WarmupLR", options: { after: { name: "CosineAnnealingLR", options: { tMax: 50 } } } }, { name: "CosineAnnealingWarmRestarts", options: { t0: 10 } }], [60]),
];

/** Several on one optimizer, stepped in turn. */
export const CHAINS: Spec[][] = [
  [{ name: "ConstantLR", options: { factor: 0.1, totalIters: 2 } }, { name: "ExponentialLR", options: { gamma: 0.9 } }],
  [{ name: "ExponentialLR", options: { gamma: 0.99 } }, { name: "StepLR", options: { stepSize: 50 } }, { name: "LinearLR", options: { totalIters: 60 } }],
  [{ name: "CosineAnnealingLR", options: { tMax: 40, etaMin: 0.001 } }, { name: "MultiStepLR", options: { milestones: [60, 120], gamma: 0.5 } }],
  [{ name: "CosineAnnealingWarmRestarts", options: { t0: 20 } }, { name: "LinearLR", options: { totalIters: 10 } }],
  [{ name: "WarmupLR", options: { totalIters: 10 } }, { name: "ReduceLROnPlateau", options: { patience: 3, factor: 0.5 }, arguments: metrics(STEPS, 4) }],
  [{ name: "LambdaLR", options: { lrLambda: 0.05 } }, { name: "PolynomialLR", options: { totalIters: 150 } }],
];

export const title = (specs: Spec | Spec[]) => [specs].flat().map(({ name, options }) => `${name} ${JSON.stringify(options)}`).join(" then ");
