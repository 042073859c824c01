/** Loads the addon. Nothing else in the package touches the native binary. */

import { createRequire } from "node:module";
import { inspectLibTorch } from "../install/inspect.mjs";
import { assertSupportedNode, assertSupportedPlatform } from "../install/platform.mjs";
import { BUILD_COMMAND, buildDamage, IS_CLONE, readRecord, ROOT } from "../install/record.mjs";
import { DgsamError, type MemoryShortage } from "./errors.js";
import { nativeError } from "./native-errors.js";
import { nativeWarning } from "./warnings.js";

/** A tensor handle: slot, generation and environment in one safe integer (native/handles.h). 0 is no tensor. */
export type Handle = number;

export interface RuntimeInfo {
  /** LibTorch's version at run time and at build time. */
  version: string;
  builtAgainst: string;
  cxx11Abi: boolean;
  /** LibTorch's own description of its build, one fact a line. */
  config: string;
  parallel: string;
  cpuCapability: string;
  hasCuda: boolean;
  cudaDevices: number;
  /** What our own CUDA kernels were compiled for, "80,90,120+PTX"; empty without any: then LibTorch's serve. */
  cudaKernels: string;
  threads: number;
  interopThreads: number;
  hasMkl: boolean;
  hasOpenmp: boolean;
}

/** What LibTorch's caching allocator tells of one device: bytes, and counts since the process began. */
export interface AllocatorStats {
  /** What tensors take, and the most they took since the start or {@link resetPeakMemoryStats}. */
  allocated: number;
  peakAllocated: number;
  /** What the allocator holds of the device's memory, used or kept for later. */
  reserved: number;
  peakReserved: number;
  /** `allocated`, and what waits for other streams to be done with it. */
  active: number;
  peakActive: number;
  /** How often memory was asked for. */
  allocations: number;
  /** How often the cache was emptied for lack of memory, and how often memory lacked after that. */
  retries: number;
  failures: number;
}

/** A stream as the addon knows it. */
export interface NativeStream {
  place: number;
  device: string;
  id: bigint;
}

/** A module in a TorchScript module; the first of them is the script itself. */
export interface NativeScriptModule {
  /** The name of its class in Python. */
  type: string;
  /** Whether it has a training mode, and whether it is in it. */
  hasMode: boolean;
  training: boolean;
  /** The modules in it, by their place in the list. */
  children: [name: string, place: number][];
  parameters: [name: string, tensor: Handle][];
  buffers: [name: string, tensor: Handle][];
}

/** Functions that take their arguments from the call frame and leave results there; see lib/tensor/frame.ts. */
type FrameFunction = () => Float64Array | undefined;

/** What the addon itself exports: each copy of this module opens its own rooms (native/addon.cc). */
interface Addon {
  open(
    makeError: (kind: string, message: string, details: string, subject: string, memory?: MemoryShortage) => Error,
    warn: (deprecation: boolean, message: string, subject: string) => void,
  ): Native;
}

/** What the addon does, by room of native/. */
export interface Native {
  setFrame(frame: Float64Array): void;
  overloads(namespace: string, name: string): unknown[];
  operatorNames(namespace: string): [name: string, hasCpuOrCompositeKernel: boolean][];
  guards(): [operators: string, requirement: string][];
  call: FrameFunction;
  /** Takes its arguments from the call frame, too. */
  callInBackground(): Promise<Handle>;
  /** null for all but regular files that can simply be read. */
  readFileInBackground(path: string): Promise<Uint8Array | null>;

  fromBytes(bytes: ArrayBufferView, dtype: number, shape: BigInt64Array): Handle;
  mapFile(path: string, bytes: number, shared: boolean): Handle;
  copyBytes(tensor: Handle, owner: object): ArrayBuffer;
  copyInto(tensor: Handle, bytes: Uint8Array): void;
  discard(bytes: Uint8Array): void;
  describe: FrameFunction;
  deviceOf(tensor: Handle): string;
  layoutOf(tensor: Handle): number;
  stridesOf(tensor: Handle): number[];
  release(tensor: Handle): boolean;
  releaseAll: FrameFunction;
  releaseGenerator(generator: Handle): boolean;

  memoryStats(): { handles: number; bytes: Record<string, number>; devices: Record<string, AllocatorStats> };
  resetPeakMemoryStats(device: string | undefined): void;
  emptyCache(): void;
  /** One number that is not 0 while a scope frees what is made: V8 does not hear of its memory then. */
  setScopeState(state: Int32Array): void;
  /** No scope frees it any more. */
  leaveToCollector(tensor: Handle): void;
  setCollector(collect: () => void): void;

  newStream(device: string, priority: number): NativeStream;
  currentStream(device: string): NativeStream;
  isCurrentStream(place: number): boolean;
  defaultStream(device: string): NativeStream;
  enterStream(stream: number): void;
  leaveStream(): void;
  queryStream(stream: number): boolean;
  synchronizeStream(stream: number): void;
  synchronize(device: string): void;
  kernelsServe(device: string): boolean;
  /** 0: nothing is said of waits for a device; 1: a warning; 2: an error. */
  setSyncDebugMode(mode: number): void;
  newEvent(timing: boolean): Handle;
  recordEvent(event: Handle, stream: number): void;
  waitForEvent(event: Handle, stream: number): void;
  queryEvent(event: Handle): boolean;
  synchronizeEvent(event: Handle): void;
  elapsedTime(start: Handle, end: Handle): number;
  releaseEvent(event: Handle): boolean;
  recordStream(tensor: Handle, stream: number): void;

  backward: FrameFunction;
  grad: FrameFunction;
  differentiate: FrameFunction;
  grads: FrameFunction;
  gradientStamp: FrameFunction;
  setGrads: FrameFunction;
  zeroGrads: FrameFunction;
  requiresGrad(tensor: Handle): boolean;
  isLeaf(tensor: Handle): boolean;
  isInference(tensor: Handle): boolean;
  gradFunctionName(tensor: Handle): string;
  setRequiresGrad: FrameFunction;
  retainGrad: FrameFunction;
  version: FrameFunction;
  setGradMode(enabled: boolean): boolean;
  gradMode(): boolean;
  enterInferenceMode(): void;
  leaveInferenceMode(): void;

  enterAutocast(device: string, dtype: number, enabled: boolean, cacheEnabled: boolean | undefined): void;
  leaveAutocast(): void;
  forgetCasts(): void;
  autocastEnabled(device: string): boolean;
  autocastDtype(device: string): number;

  beginRecording: FrameFunction;
  endRecording: FrameFunction;
  abandonRecording(): void;
  replay: FrameFunction;
  replayDifferentiated: FrameFunction;
  runCommands: FrameFunction;
  captureGraph: FrameFunction;
  replayGraph: FrameFunction;
  releaseGraph(graph: Handle): boolean;
  programFits: FrameFunction;
  programSurroundings: FrameFunction;
  programUses: FrameFunction;
  releaseProgram(program: Handle): boolean;
  inputSignature: FrameFunction;

  loadScript(archive: Handle, device: string): Handle;
  scriptModules(script: Handle): NativeScriptModule[];
  setScriptMode(script: Handle, module: number, mode: number): void;
  releaseScript(script: Handle): boolean;
  runScript: FrameFunction;

  manualSeed(seed: bigint): void;
  createGenerator(device: string): Handle;
  defaultGenerator(device: string): Handle;
  seedGenerator(generator: Handle, seed: bigint): void;
  reseedGenerator(generator: Handle): bigint;
  initialSeed(generator: Handle): bigint;
  generatorState(generator: Handle): Handle;
  setGeneratorState(generator: Handle, state: Handle): void;

  runtimeInfo(): RuntimeInfo;
  cudaDeviceCount(): number;
  numThreads(): number;
  setNumThreads(count: number): void;
  setDeterministic(enabled: boolean): void;
}

// In a clone `npx` would run the install script first.
const REMEDY = IS_CLONE
  ? `run: ${BUILD_COMMAND}. What was looked for is shown by: npm run dgsam -- doctor`
  : `run: ${BUILD_COMMAND}. npm may have blocked the install script (npm 11 and newer lets it run after: npm approve-scripts dgsam). What was looked for is shown by: npx dgsam doctor`;

function addonError(code: "ERR_ADDON" | "ERR_LIBTORCH", message: string, cause?: unknown): DgsamError {
  return new DgsamError(code, `${message}; ${REMEDY}`, cause === undefined ? undefined : { cause });
}

/** Where dgsam cannot run there is no build either: the reason helps, the command to build does not. */
function checkMachine(): void {
  try {
    assertSupportedNode();
    assertSupportedPlatform();
  } catch (error) {
    throw new DgsamError("ERR_PLATFORM", (error as Error).message, { cause: error });
  }
}

/** Checks what can be checked without opening a library: a wrong LibTorch would end the process or fail without a reason. */
function checkBuild(): void {
  const record = readRecord();
  if (record === null) {
    checkMachine();
    throw addonError("ERR_ADDON", "the native addon of dgsam has not been built");
  }
  const { root, version, abi } = record.libtorch;
  let present;
  try {
    present = inspectLibTorch(root);
  } catch (error) {
    throw addonError("ERR_LIBTORCH", `the LibTorch ${version} that the addon was built against is not usable any more: ${(error as Error).message}`, error);
  }
  if (present.version !== version || present.abi !== abi)
    throw addonError("ERR_LIBTORCH", `the addon was built against LibTorch ${version} (${abi}), but ${root} now holds ${present.version} (${present.abi})`);
  // A file that was cut off would end the process.
  const damage = buildDamage(record);
  if (damage !== null) throw addonError("ERR_ADDON", `the native addon is damaged: ${damage}`);
}

function load(): Native {
  checkBuild();
  const require = createRequire(import.meta.url);
  const nodeGypBuild = require("node-gyp-build") as (directory: string) => Addon;
  let addon: Addon;
  try {
    addon = nodeGypBuild(ROOT);
  } catch (error) {
    throw addonError("ERR_ADDON", `the native addon does not load: ${(error as Error).message}`, error);
  }
  try {
    return addon.open(nativeError, nativeWarning);
  } catch (error) {
    if ((error as DgsamError).code === "ERR_LIBTORCH") throw addonError("ERR_LIBTORCH", (error as Error).message, error);
    throw error;
  }
}

export const native: Native = load();
