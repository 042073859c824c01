/** The report room's public list. */
export { compareTable } from "./compare-table.js";
export { ResultsFile, type CompareResults } from "./results-file.js";
export { summarize, type AlgorithmSummary } from "./summary.js";
