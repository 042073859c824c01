/** The tensor room's public list. */
export { Tensor } from "./tensor.js";
export type { Device, DType, Layout, MemoryFormat, QScheme } from "./dtype.js";
export { operatorNames, operatorSchemas, ops, type OperatorFunction, type OperatorName, type Operators } from "./operators.js";
export type { OperatorSchema, SchemaArgument, SchemaReturn, ValueType } from "./schema.js";
export type { AtenOperators, DgsamOperators } from "./operators.generated.js";
export { complex, double, type ComplexValue, type ScalarLike } from "./scalars.js";
export { Generator, defaultGenerator, manualSeed } from "./generator.js";
export { keep, scope, scopeAsync } from "./scope.js";
export { emptyCache, memoryStats, resetPeakMemoryStats, type AllocatorStats, type MemoryStats } from "./memory.js";
export { currentStream, defaultStream, Event, setSyncDebugMode, Stream, stream, synchronize, type EventOptions, type StreamOptions, type SyncDebugMode } from "./stream.js";
export { prefetch, toDevice } from "./transfer.js";
export { enableGrad, inferenceMode, isGradEnabled, isInferenceModeEnabled, noGrad } from "./modes.js";
export { autocast, autocastDtype, isAutocastEnabled, type AutocastDevice, type AutocastDType, type AutocastOptions } from "./autocast.js";
export { capture, type Captured, type CapturedClosure, type CaptureOptions, type CaptureStats } from "./capture/index.js";
export type { GraphStats } from "./capture/step-graphs.js";
export { grad, type BackwardOptions, type GradOptions } from "./autograd.js";
export { fromBytes, tensor, type TensorOptions } from "./data.js";
export type { DataOf, DTypeOfData, DTypeOfNumber, Element, ItemOf, NestedArray, TypedArray } from "./data-types.js";
export {
  arange, empty, emptyLike, eye, full, fullLike, linspace, logspace, ones, onesLike, rand, randint, randintLike, randLike, randn,
  randnLike, randperm, trilIndices, triuIndices, zeros, zerosLike, type CreationOptions, type LikeOptions, type RandomLikeOptions, type RandomOptions, type TriangleOptions,
} from "./creation.js";
export { cudaDeviceCount, getNumThreads, runtimeInfo, setNumThreads, useDeterministicAlgorithms } from "./runtime.js";
export * from "./methods/index.js";
export * from "./functions/index.js";
export { setPrintOptions } from "./print.js";
export type { PrintOptions } from "./print-numbers.js";
