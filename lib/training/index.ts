/** The training room's public list. */
export { ALGORITHM_NAMES, ALGORITHMS, type Algorithm, type AlgorithmName, type AlgorithmOptions } from "./algorithms.js";
export { evaluate, type Accuracy, type Classifier } from "./evaluate.js";
export { train, type TrainConfig, type TrainEvent, type TrainSettings } from "./train.js";
export { compareAlgorithms, type CompareConfig, type CompareEvent, type RunRecord } from "./compare.js";
