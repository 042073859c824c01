/** The training room's public list. */
export { ALGORITHM_NAMES, ALGORITHMS, type Algorithm, type AlgorithmName, type AlgorithmOptions, type Step } from "./algorithms.js";
export { type CompareConfig, type TrainConfig, type TrainSettings } from "./config.js";
export { evaluate, evaluateLoading, type Accuracy, type Classifier, type EvaluateOptions } from "./evaluate.js";
export { train, type StepMode, type TrainEvent } from "./train.js";
export { compareAlgorithms, type CompareEvent, type RunRecord } from "./compare.js";
