/**
 * Modules: classes whose own fields are their parameters, buffers and submodules.
 *
 *     class Net extends Module {
 *       conv1 = new Conv2d(1, 16, 3);
 *       head = new Linear(16, 10);
 *       forward(x: Tensor): Tensor { ... }
 *     }
 *
 * Nothing is registered. A field counts as
 * - a parameter: a {@link Parameter}, or a plain leaf tensor that requires a gradient when the module is first looked at;
 * - a buffer: a {@link Buffer}, or any other plain tensor;
 * - a submodule: a Module;
 * and arrays of these count too, with their indices as names. State-dict keys are PyTorch's: `runningMean` is saved as
 * `running_mean`, the third layer's weight of an array `layers` as `layers.2.weight`.
 */

import { argumentError, DgsamError } from "../errors.js";
import { keep, noGrad, ops, Tensor, zeroGradients, type DType } from "../tensor/index.js";

/** A tensor that training changes, also while it is frozen. It survives scopes. */
export class Parameter<D extends DType = DType> extends Tensor<D> {
  /** Takes over the data of `tensor`: a new leaf on the same memory. */
  constructor(tensor: Tensor<D>, { requiresGrad = true }: { requiresGrad?: boolean } = {}) {
    super(takeOver(tensor));
    if (requiresGrad) this.requiresGrad = true;
    keep(this);
  }
}

/** A tensor that belongs to the state but is not trained, such as BatchNorm's running mean. It survives scopes. */
export class Buffer<D extends DType = DType> extends Tensor<D> {
  /** Whether it is saved in state dicts. */
  readonly persistent: boolean;

  constructor(tensor: Tensor<D>, { persistent = true }: { persistent?: boolean } = {}) {
    super(takeOver(tensor));
    this.persistent = persistent;
    keep(this);
  }
}

/** Moves the native handle of a detached twin out of its wrapper. */
function takeOver(tensor: Tensor): number {
  if (!(tensor instanceof Tensor)) throw argumentError("new Parameter(tensor)", "a Tensor", tensor);
  const detached = ops.aten["detach.default"](tensor);
  const { handle } = detached;
  detached.handle = 0;
  return handle;
}

/** Tensors by PyTorch's keys, in PyTorch's order. */
export type StateDict = Record<string, Tensor>;

export interface LoadOptions {
  /** Whether every key must be there and known. Default true. */
  strict?: boolean;
}

/** What did not fit when loading: with `strict: false` the first two are allowed. */
export interface LoadResult {
  missing: string[];
  unexpected: string[];
}

/** Whether passes move BatchNorm's running statistics. */
export type RunningStatsMode = "update" | "hold";

// A plain tensor that was seen as a parameter stays one when it is frozen later.
const knownParameters = new WeakSet<Tensor>();

function isParameter(tensor: Tensor): boolean {
  if (tensor instanceof Parameter || knownParameters.has(tensor)) return true;
  if (tensor instanceof Buffer || !tensor.isLeaf || !tensor.requiresGrad) return false;
  knownParameters.add(tensor);
  return true;
}

/** `runningMean` -> `running_mean`; digits stay where they are: `conv1`, `bn0`. */
export function toSnakeCase(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/([A-Z]+)([A-Z][a-z])/g, "$1_$2").toLowerCase();
}

/** A tensor of a module, by its key. */
interface Entry {
  key: string;
  tensor: Tensor;
  isParameter: boolean;
}

interface Found {
  /** In PyTorch's order: a module's parameters, its buffers, then its submodules one after the other. */
  entries: Entry[];
  modules: Map<string, Module>;
}

/** Base class of all layers and networks. */
export abstract class Module {
  #training = true;

  /** Computes the output. Subclasses define their own arguments. */
  abstract forward(...inputs: never[]): unknown;

  /** Whether layers such as Dropout and BatchNorm behave as in training. */
  get training(): boolean {
    return this.#training;
  }

  /** Switches this module and all in it to training behaviour, or back. Returns the module. */
  train(mode = true): this {
    if (typeof mode !== "boolean") throw argumentError("train(mode)", "a boolean", mode);
    for (const module of this.modules()) module.#training = mode;
    return this;
  }

  /** Switches this module and all in it to evaluation behaviour. Returns the module. */
  eval(): this {
    return this.train(false);
  }

  /** Whether training passes move the running statistics of BatchNorm layers; optimizers that pass twice use it. */
  setRunningStats(mode: RunningStatsMode): void {
    for (const module of this.modules()) if (module !== this) module.onRunningStats(mode);
    this.onRunningStats(mode);
  }

  /** For layers with running statistics. */
  protected onRunningStats(_mode: RunningStatsMode): void {}

  /** This module and all in it, by path; the module itself has the empty path. Shared ones come once. */
  namedModules(): Map<string, Module> {
    return this.#find().modules;
  }

  modules(): Module[] {
    return [...this.namedModules().values()];
  }

  /** The modules that are fields of this one. */
  children(): Module[] {
    return [...this.#ownModules().values()];
  }

  /** All parameters by key. A parameter that several modules share comes once, under its first key. */
  namedParameters(): Map<string, Tensor> {
    return unique(this.#find().entries.filter((entry) => entry.isParameter));
  }

  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** All buffers by key, each once. */
  namedBuffers(): Map<string, Tensor> {
    return unique(this.#find().entries.filter((entry) => !entry.isParameter));
  }

  buffers(): Tensor[] {
    return [...this.namedBuffers().values()];
  }

  /** Calls `fn` with every module, innermost first. Returns the module. */
  apply(fn: (module: Module) => void): this {
    for (const module of this.modules().reverse()) fn(module);
    return this;
  }

  /** Sets whether all parameters take part in differentiation. Returns the module. */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad;
    return this;
  }

  /** Clears all gradients. */
  zeroGrad(setToNone = true): void {
    zeroGradients(this.parameters(), setToNone);
  }

  /**
   * Parameters and persistent buffers by PyTorch's keys, detached. They share memory with the module: clone what must
   * not change with it.
   */
  stateDict(): StateDict {
    const dict: StateDict = {};
    for (const [key, tensor] of this.#stateTensors()) dict[key] = ops.aten["detach.default"](tensor);
    return dict;
  }

  /**
   * Copies a state dict into the module, converting dtypes and devices.
   *
   * @throws DgsamError `ERR_ARGUMENT` listing all missing and unexpected keys and all shapes that differ; then nothing is changed
   */
  loadStateDict(dict: Readonly<Record<string, Tensor>>, { strict = true }: LoadOptions = {}): LoadResult {
    const name = this.constructor.name;
    if (typeof dict !== "object" || dict === null) throw argumentError(`${name}.loadStateDict(dict)`, "an object of Tensors by key", dict);
    const own = this.#stateTensors();
    const missing = [...own.keys()].filter((key) => !(key in dict));
    const unexpected = Object.keys(dict).filter((key) => !own.has(key));
    const misfits: string[] = [];
    const pairs: [Tensor, Tensor][] = [];
    for (const [key, target] of own) {
      if (!(key in dict)) continue;
      const source = dict[key];
      if (!(source instanceof Tensor)) throw argumentError(`${name}.loadStateDict: ${key}`, "a Tensor", source);
      if (source.shape.join() === target.shape.join()) pairs.push([target, source]);
      else misfits.push(`${key}: expected shape [${target.shape.join(", ")}], got [${source.shape.join(", ")}]`);
    }
    const faults = [
      ...(strict && missing.length > 0 ? [`missing keys: ${missing.join(", ")}`] : []),
      ...(strict && unexpected.length > 0 ? [`unexpected keys: ${unexpected.join(", ")}`] : []),
      ...misfits,
    ];
    if (faults.length > 0) throw new DgsamError("ERR_ARGUMENT", `${name}.loadStateDict:\n  ${faults.join("\n  ")}`);
    noGrad(() => {
      for (const [target, source] of pairs) ops.aten["copy_.default"](target, source);
    });
    return { missing, unexpected };
  }

  /**
   * Converts all floating-point parameters and buffers to a dtype, and moves everything to a device, in place: tensors
   * stay the same objects, so optimizers keep working. Returns the module.
   */
  to(target: DType | (string & {}) | { dtype?: DType; device?: string }): this {
    const { dtype, device } = typeof target === "string" ? (isDevice(target) ? { device: target, dtype: undefined } : { dtype: target as DType, device: undefined }) : target;
    noGrad(() => {
      for (const tensor of [...this.parameters(), ...this.buffers()]) {
        const converts = dtype !== undefined && /^(float|bfloat|complex)/.test(tensor.dtype) ? dtype : tensor.dtype;
        const moved = ops.aten["to.dtype_layout"](tensor, { dtype: converts, device: device ?? tensor.device });
        ops.aten["set_data.default"](tensor, moved);
        moved.dispose();
        tensor.grad = null;
      }
    });
    return this;
  }

  #stateTensors(): Map<string, Tensor> {
    const saved = this.#find().entries.filter(({ tensor }) => !(tensor instanceof Buffer) || tensor.persistent);
    return new Map(saved.map(({ key, tensor }) => [key, tensor]));
  }

  #ownModules(): Map<string, Module> {
    const found = new Map<string, Module>();
    forEachField(this, (key, value) => {
      if (value instanceof Module) found.set(key, value);
    });
    return found;
  }

  /** Everything in this module; a module that is reached twice, also by a cycle, is entered once. */
  #find(): Found {
    const found: Found = { entries: [], modules: new Map() };
    const seen = new Set<Module>();
    const visit = (module: Module, path: string): void => {
      if (seen.has(module)) return;
      seen.add(module);
      found.modules.set(path, module);
      const full = (key: string): string => (path === "" ? key : `${path}.${key}`);
      const own: Entry[] = [];
      forEachField(module, (key, value) => {
        if (value instanceof Tensor && !value.disposed) own.push({ key: full(key), tensor: value, isParameter: isParameter(value) });
      });
      found.entries.push(...own.filter((entry) => entry.isParameter), ...own.filter((entry) => !entry.isParameter));
      for (const [key, child] of module.#ownModules()) visit(child, full(key));
    };
    visit(this, "");
    return found;
  }
}

function isDevice(text: string): boolean {
  return /^(cpu|cuda|meta|mps)(:\d+)?$/.test(text);
}

function unique(entries: readonly Entry[]): Map<string, Tensor> {
  const seen = new Set<Tensor>();
  return new Map(entries.filter(({ tensor }) => !seen.has(tensor) && seen.add(tensor)).map(({ key, tensor }) => [key, tensor]));
}

/** Calls `visit` with every field that is, or in arrays holds, a tensor or module; keys are snake_case. */
function forEachField(module: Module, visit: (key: string, value: unknown) => void): void {
  const walk = (key: string, value: unknown): void => {
    if (Array.isArray(value)) value.forEach((each, i) => walk(`${key}.${i}`, each));
    else visit(key, value);
  };
  for (const [name, value] of Object.entries(module)) walk(toSnakeCase(name), value);
}
