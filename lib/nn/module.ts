/**
 * Modules: classes whose own fields are their parameters, buffers and submodules.
 *
 *     class Net extends Module {
 *       conv = new Conv2d(1, 16, 3);
 *       norm = new BatchNorm2d(16);
 *       head = new Linear(16, 10);
 *       forward(x: Tensor): Tensor { ... }
 *     }
 *
 * Nothing is registered: fields are looked at whenever somebody asks. Fields named `#private` cannot be seen; they are
 * the place for tensors that are no part of the module.
 */

import { inspect } from "node:util";
import { checkBoolean, checkChoice, isPlainObject } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { dtypeCode, isComplex, isFloatingPoint } from "../tensor/dtype.js";
import { empty, noGrad, ops, scope, Tensor, type Device, type DType, type MemoryFormat } from "../tensor/index.js";
import { addWatcher, zeroGradients } from "../tensor/internal.js";
import { membersOf } from "./fields.js";
import { LiveModules } from "./guards.js";
import { Buffer, roleOf, type Placement, type Role } from "./parameter.js";
import { formatModule } from "./print.js";
import { loadInto, type LoadOptions, type LoadResult, type StateDict } from "./state-dict.js";

/** Whether training passes move the running statistics of BatchNorm layers, or only use the minibatch's. */
export type RunningStatsMode = "update" | "hold";

/** Base of all layers and models. Subclasses have fields and a `forward`; calling a module is `module.forward(x)`. */
export abstract class Module {
  /** Whether layers such as Dropout and BatchNorm behave as in training; {@link train} and {@link eval} set it. */
  training = true;
  /** Whether training passes move BatchNorm's running statistics; {@link setRunningStats} sets it. */
  runningStats: RunningStatsMode = "update";

  constructor() {
    live.add(this);
  }

  /** Computes the outputs. */
  abstract forward(...inputs: never[]): unknown;

  /** This module and all in it by path, each once, outer before inner; its own path is `""`. */
  namedModules(): Map<string, Module> {
    const found = new Map<string, Module>();
    walk(this, (path, module) => void found.set(path, module));
    return found;
  }

  /** This module and all in it, each once, outer before inner. */
  modules(): Module[] {
    return [...this.namedModules().values()];
  }

  /** The modules in this module's own fields, by name, each once. */
  namedChildren(): Map<string, Module> {
    const seen = new Set<Module>();
    return new Map(submodulesOf(this).filter(([, child]) => !seen.has(child) && seen.add(child)));
  }

  /** The modules in this module's own fields, each once. */
  children(): Module[] {
    return [...this.namedChildren().values()];
  }

  /** All parameters by PyTorch's keys. One that is shared comes once, under its first key. */
  namedParameters(): Map<string, Tensor> {
    return this.#named("parameter");
  }

  /** All parameters, each once. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** All buffers by PyTorch's keys, persistent or not. One that is shared comes once, under its first key. */
  namedBuffers(): Map<string, Tensor> {
    return this.#named("buffer");
  }

  /** All buffers, each once. */
  buffers(): Tensor[] {
    return [...this.namedBuffers().values()];
  }

  #named(role: Role): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    const seen = new Set<Tensor>();
    walk(this, (path, _, members) => {
      for (const [name, tensor] of members) {
        if (!(tensor instanceof Tensor) || roleOf(tensor) !== role || seen.has(tensor)) continue;
        seen.add(tensor);
        found.set(join(path, name), tensor);
      }
    });
    return found;
  }

  /**
   * Sets training behaviour, or that of evaluation, in this module and all in it. Overrides in submodules are called.
   * Returns the module.
   *
   * @throws DgsamError `ERR_ARGUMENT`
   */
  train(mode = true): this {
    checkBoolean("train(mode)", mode);
    this.training = mode;
    return onceAtATime(this, () => {
      for (const child of this.children()) child.train(mode);
    });
  }

  /** Sets the behaviour of evaluation, as `train(false)`. Returns the module. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Sets, in this module and all in it, whether training passes move BatchNorm's running statistics (`"update"`, as at
   * the start) or only normalise by the minibatch's own (`"hold"`); {@link runningStats} tells which. SAM and DGSAM, which
   * pass several times a step, set it on the model they are given, and leave it at `"update"`: to hold the statistics for
   * good give them `runningStats: "frozen"`, or freeze the layers.
   *
   * @throws DgsamError `ERR_ARGUMENT`
   */
  setRunningStats(mode: RunningStatsMode): void {
    if (mode !== "update" && mode !== "hold") throw argumentError("setRunningStats(mode)", "\"update\" or \"hold\"", mode);
    for (const module of this.modules()) module.runningStats = mode;
  }

  /** Sets whether the parameters take part in differentiation. Returns the module. @throws DgsamError `ERR_ARGUMENT` */
  requiresGrad_(requiresGrad = true): this {
    checkBoolean("requiresGrad_(requiresGrad)", requiresGrad);
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad;
    return this;
  }

  /** Clears the parameters' gradients; with `setToNone` false fills them with zeros instead. @throws DgsamError `ERR_ARGUMENT` */
  zeroGrad(setToNone = true): void {
    checkBoolean("zeroGrad(setToNone)", setToNone);
    zeroGradients(this.parameters(), setToNone);
  }

  /** Calls `fn` with every module in this one, inner before outer, and then with this one. Returns the module. */
  apply(fn: (module: Module) => void): this {
    if (typeof fn !== "function") throw argumentError("apply(fn)", "a function of a module", fn);
    onceAtATime(this, () => {
      for (const child of this.children()) if (!busy.has(child)) child.apply(fn);
    });
    fn(this);
    return this;
  }

  /**
   * Moves parameters and buffers to a device, and converts those of a floating or complex dtype. They stay the same
   * objects and gradients are converted along, so an optimizer that was made before holds them still. What it has stored
   * of earlier steps, such as Adam's averages, is not converted: convert before its first step. Returns the module.
   *
   * `memoryFormat` rearranges what has the dimensions for it: weights of convolutions, say, four of `"channels_last"`. Give
   * such a model inputs in the same format.
   *
   * @param target a dtype, a device, or options: `net.to("float64")`, `net.to("cuda")`, `net.to({ memoryFormat: "channels_last" })`
   * @throws DgsamError `ERR_ARGUMENT` when the dtype is neither floating nor complex; `ERR_DEVICE`; `ERR_OOM`
   */
  to(target: DType | Device | ModuleTarget): this {
    const { dtype, device, nonBlocking, memoryFormat } = targetOf(target);
    const convert = (tensor: Tensor): void => {
      const own = tensor.dtype;
      const wanted = isFloatingPoint(own) || isComplex(own) ? (dtype ?? own) : own;
      const format = memoryFormat !== undefined && FORMAT_DIMENSIONS[memoryFormat].includes(tensor.ndim) ? memoryFormat : "preserve_format";
      ops.aten["set_data.default"](tensor, ops.aten["to.device"](tensor, device ?? tensor.device, wanted, nonBlocking ?? false, false, format));
    };
    noGrad(() =>
      scope(() => {
        // Refuses a device that there is not for modules without tensors as well.
        if (device !== undefined) ops.aten["to.device"](empty([0]), device, "float32");
        for (const tensor of [...this.parameters(), ...this.buffers()]) {
          const gradient = tensor.grad;
          convert(tensor);
          if (gradient !== null) convert(gradient);
        }
      }),
    );
    return this;
  }

  /**
   * Parameters and persistent buffers by PyTorch's keys, shared ones under each of them. They are detached but share
   * the module's memory: clone what must not change with it.
   *
   * @throws DgsamError `ERR_STATE` when two fields have the same key
   */
  stateDict(): StateDict {
    const dict: StateDict = {};
    for (const [key, tensor] of stateOf(this)) dict[key] = ops.aten["detach.default"](tensor);
    return dict;
  }

  /**
   * Copies a state dict, of this package or of PyTorch, into the module, converting dtypes and devices.
   *
   * @throws DgsamError `ERR_ARGUMENT` listing every key that is missing, unexpected or of another shape; then nothing
   *   was changed. Shapes must fit also where `strict` is false
   */
  loadStateDict(dict: Readonly<StateDict>, options: LoadOptions = {}): LoadResult {
    return loadInto(`${this.constructor.name}.loadStateDict`, stateOf(this), dict, options);
  }

  /** Frees all parameters and buffers now. Any later use is an `ERR_DISPOSED`; calling it again does nothing. */
  dispose(): void {
    for (const tensor of [...this.parameters(), ...this.buffers()]) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The tree of submodules with their settings, as PyTorch prints modules. */
  toString(): string {
    return formatModule(this);
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

const live = new LiveModules<Module>((module) => membersOf(module, Module).map(([, member]) => member));
addWatcher(() => live.watch());

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

type Members = readonly (readonly [name: string, member: Tensor | Module])[];

/** Visits a module and all in it by path, each once, outer before inner. Steps of training do it several times. */
function walk(root: Module, visit: (path: string, module: Module, members: Members) => void): void {
  const seen = new Set<Module>();
  const enter = (path: string, module: Module): void => {
    if (seen.has(module)) return;
    seen.add(module);
    const members = membersOf(module, Module);
    visit(path, module, members);
    for (const [name, member] of members) if (member instanceof Module) enter(join(path, name), member);
  };
  enter("", root);
}

function submodulesOf(module: Module): [name: string, child: Module][] {
  return membersOf(module, Module).filter((entry): entry is [string, Module] => entry[1] instanceof Module);
}

function tensorsOf(module: Module, role: Role): [name: string, tensor: Tensor][] {
  return membersOf(module, Module).filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor && roleOf(entry[1]) === role);
}

/** What state dicts hold: unlike the named lists, a module or tensor with two names comes under both. */
function stateOf(root: Module): Map<string, Tensor> {
  const state = new Map<string, Tensor>();
  const open = new Set<Module>();
  const visit = (path: string, module: Module): void => {
    // A module inside itself would have endless names.
    if (open.has(module)) return;
    open.add(module);
    const buffers = tensorsOf(module, "buffer").filter(([, buffer]) => !(buffer instanceof Buffer) || buffer.persistent);
    for (const [name, tensor] of [...tensorsOf(module, "parameter"), ...buffers]) {
      const key = join(path, name);
      if (state.has(key)) throw new DgsamError("ERR_STATE", `${root.constructor.name}: two tensors have the key "${key}" in the state dict; rename a field`);
      state.set(key, tensor);
    }
    for (const [name, child] of submodulesOf(module)) visit(join(path, name), child);
    open.delete(module);
  };
  visit("", root);
  return state;
}

// Modules whose children are being visited. A module that is reached from inside itself is not entered again.
const busy = new Set<Module>();

function onceAtATime<M extends Module>(module: M, body: () => void): M {
  if (busy.has(module)) return module;
  busy.add(module);
  try {
    body();
  } finally {
    busy.delete(module);
  }
  return module;
}

/** What {@link Module.to} changes. */
export interface ModuleTarget extends Placement {
  /** Let copies out of pinned memory to a CUDA device run on. Default false. */
  nonBlocking?: boolean;
  /** How tensors of four dimensions lie in memory, of five for `"channels_last_3d"`. Default: as they do. */
  memoryFormat?: MemoryFormat;
}

const TARGET_OPTIONS: readonly string[] = ["dtype", "device", "nonBlocking", "memoryFormat"];

// How many dimensions a tensor of each format has; others stay as they are.
const FORMAT_DIMENSIONS: Readonly<Record<MemoryFormat, readonly number[]>> = {
  contiguous_format: [4, 5], preserve_format: [], channels_last: [4], channels_last_3d: [5],
};

function targetOf(target: DType | Device | ModuleTarget): ModuleTarget {
  const placement: unknown = typeof target !== "string" ? target : dtypeCode(target) === undefined ? { device: target } : { dtype: target };
  if (!isPlainObject(placement) || Object.keys(placement).some((key) => !TARGET_OPTIONS.includes(key)))
    throw argumentError("to(target)", `a dtype, a device or { ${TARGET_OPTIONS.join(", ")} }`, target);
  const { dtype } = placement as ModuleTarget;
  if (dtype !== undefined && !(typeof dtype === "string" && dtypeCode(dtype) !== undefined && (isFloatingPoint(dtype) || isComplex(dtype))))
    throw argumentError("to(target): dtype", "a floating or complex dtype such as \"float64\"", dtype);
  const { device } = placement as ModuleTarget;
  if (device !== undefined && typeof device !== "string") throw argumentError("to(target): device", "a device such as \"cpu\" or \"cuda:0\"", device);
  if (device?.startsWith("meta"))
    throw new DgsamError("ERR_DEVICE", "to(target): tensors that hold data cannot become ones without, on the meta device; make the module there instead, with the option device: \"meta\"");
  const { nonBlocking, memoryFormat } = placement as ModuleTarget;
  if (nonBlocking !== undefined) checkBoolean("to(target): nonBlocking", nonBlocking);
  if (memoryFormat !== undefined) checkChoice("to(target): memoryFormat", memoryFormat, Object.keys(FORMAT_DIMENSIONS));
  return placement as ModuleTarget;
}
