/** What every optimizer is: parameter groups with options, state per parameter, `step()`, `zeroGrad()`, state dicts. */

import { checkOptions, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { callPlainly, gradients, gradientStamp, zeroGradients, type OperatorFunction } from "../../tensor/internal.js";
import { enableGrad, full, keep, noGrad, ops, scope, Tensor, type Device } from "../../tensor/index.js";
import { checkLeaves, checkOptionsObject, checkParams } from "../checks.js";
import { DeviceNumber } from "../device-number.js";
import { disposedError } from "../disposed.js";
import { once } from "../once.js";
import { adoptState, SCALARS, type ParameterState } from "./parameter-state.js";

const checkStates = once(() => ops.dgsam["check_states.default"]);

/** One group of parameters with its own options; schedulers write `lr` here. */
export type ParamGroup<O> = O & { params: Tensor[] };

/** Parameters, or groups of them with options that differ from the constructor's. */
export type ParamsInput<O> = Iterable<Tensor> | Iterable<{ params: Iterable<Tensor> } & Partial<O>>;

/** Everything needed to go on: state by the parameter's number over all groups, and the groups with such numbers. */
export interface OptimizerStateDict<O> {
  state: Record<number, ParameterState>;
  paramGroups: (O & { params: number[] })[];
}

/** A call of an operator that gives nothing back. */
export interface PlannedCall {
  readonly operator: OperatorFunction;
  readonly args: readonly unknown[];
}

/** What calls of a late step ask whether to do anything: a float32 scalar, 1 where the step has stopped, and its device. */
export interface Stopping {
  readonly flag: Tensor;
  readonly device: Device;
}

/** A group's learning rate on a device; null where it is not read there. */
interface Rate {
  readonly device: Device;
  readonly number: DeviceNumber | null;
}

/** What any optimizer can be asked for, whatever its options: what wrappers such as SAM and schedulers rely on. */
export interface OptimizerLike {
  readonly paramGroups: ({ params: Tensor[]; lr: number })[];
  /** Whether `step` evaluates a closure itself, as LBFGS does: such an optimizer cannot descend along given gradients. */
  readonly needsClosure?: false;
  step(...args: never[]): unknown;
  zeroGrad(setToNone?: boolean): void;
  addParamGroup(group: never): void;
  stateDict(): unknown;
  loadStateDict(dict: never): void;
  /** Frees what it remembers; parameters and gradients are the caller's. */
  dispose?(): void;
}

function isGroup(value: unknown): value is { params: Iterable<Tensor> } {
  return isPlainObject(value) && "params" in value;
}

/** Base of the optimizers over LibTorch's fused kernels and foreach functions. */
export abstract class Optimizer<O extends { lr: number }> implements OptimizerLike {
  readonly paramGroups: ParamGroup<O>[] = [];
  /** By parameter; filled when a parameter first has a gradient. */
  readonly state = new Map<Tensor, ParameterState>();
  /** The options that a group takes where it names none. */
  readonly defaults: O;
  /** Parameters whose first gradient the present step saw. */
  private readonly begun: Tensor[] = [];
  /** Where calls are noted and not made. */
  private planned: PlannedCall[] | null = null;
  /** What calls ask on the device whether to do anything. */
  private stopped: Stopping | null = null;
  private readonly rates = new Map<ParamGroup<O>, Rate>();
  private disposed = false;

  /**
   * @param params tensors, or groups `{ params, ...options }`
   * @param defaults every option of the optimizer, with the value it has when nobody names one
   * @throws DgsamError `ERR_ARGUMENT` when there are none, one is no leaf or comes twice, or an option is unknown or out of range
   */
  protected constructor(params: ParamsInput<O>, defaults: O, options: Partial<O>) {
    checkOptionsObject(`new ${this.constructor.name}(params, options)`, options);
    this.defaults = this.withDefaults(defaults, options);
    const list = checkParams(`new ${this.constructor.name}(params)`, params, "an array of Tensors or of groups { params, ...options }");
    if (list.length === 0) throw argumentError(`new ${this.constructor.name}(params)`, "at least one parameter", list);
    if (list.some(isGroup)) for (const group of list) this.addParamGroup(group as unknown as { params: Iterable<Tensor> } & Partial<O>);
    else this.addParamGroup({ params: list } as unknown as { params: Iterable<Tensor> } & Partial<O>);
  }

  /** Checks the options of one group; throws `ERR_ARGUMENT`. */
  protected abstract checkOptions(options: O): void;

  /** What it remembers of a parameter under these options, by name. */
  protected abstract stateNames(options: O): readonly string[];

  /** Updates those parameters of a group that have gradients. Called with gradients off, in a scope of its own. */
  protected abstract update(group: ParamGroup<O>): void;

  /** Adds parameters, say of layers that are unfrozen during training. */
  addParamGroup(group: { params: Iterable<Tensor> } & Partial<O>): void {
    const name = this.constructor.name;
    this.checkUsable("addParamGroup()");
    if (!isGroup(group)) throw argumentError(`${name}: group`, "{ params, ...options }", group);
    const { params, ...given } = group;
    const list: unknown[] = params instanceof Tensor ? [params] : checkParams(`${name}: group: params`, params, "a Tensor or an array of Tensors");
    checkLeaves(name, list, this.paramGroups.flatMap((each) => each.params));
    this.paramGroups.push({ ...this.withDefaults(this.defaults, given as unknown as Partial<O>), params: list });
  }

  private withDefaults(defaults: O, given: Partial<O>): O {
    checkOptions(this.constructor.name, given, Object.keys(defaults));
    const options = { ...defaults };
    for (const [option, value] of Object.entries(given)) if (value !== undefined) options[option as keyof O] = value as O[keyof O];
    this.checkOptions(options);
    return options;
  }

  /**
   * One update of every parameter that has a gradient, from `grad`. Parameters without one stay untouched.
   *
   * @param closure called before, with gradients on, as PyTorch's: it clears the gradients, computes the loss and calls `backward()`
   * @returns what the closure returns
   * @throws DgsamError `ERR_ARGUMENT` when a group's option is out of range, `ERR_DISPOSED`, `ERR_SHAPE`, `ERR_DTYPE`,
   *   `ERR_DEVICE`, `ERR_STATE` when the closure left no gradient; then no group was updated
   */
  step<T>(closure: () => T): T;
  step(): void;
  step(closure?: () => unknown): unknown {
    this.checkUsable("step()");
    for (const group of this.paramGroups) this.checkOptions(group);
    const result = closure === undefined ? undefined : this.evaluate(closure);
    this.updateAll();
    return result;
  }

  private evaluate(closure: () => unknown): unknown {
    const name = `${this.constructor.name}.step(closure)`;
    if (typeof closure !== "function") throw argumentError(name, "a function that calls backward(), or nothing; the losses of several domains go to ERM, SAM, DGSAM", closure);
    const result = enableGrad(closure);
    if (gradientStamp(this.paramGroups.flatMap(({ params }) => params)) === 0)
      throw new DgsamError("ERR_STATE", `${name}: it left no gradient in any parameter; call backward() on the loss in it (ERM, SAM and DGSAM take closures that do not)`);
    return result;
  }

  private updateAll(): void {
    noGrad(() =>
      scope(() => {
        // One group is checked by the operator that updates it; who calls several for it checks it before.
        if (this.paramGroups.length > 1) this.checkStates();
        this.begun.length = 0;
        try {
          for (const group of this.paramGroups) this.update(group);
        } catch (error) {
          this.forgetBegun();
          throw error;
        }
      }),
    );
  }

  /** Whether {@link stepUnless} may be called: not of subclasses that do more than calls of operators which take `found_inf`. */
  get canStepUnless(): boolean {
    const isPlain = Object.hasOwn(this.constructor, "isPlannable") && this.step === Optimizer.prototype.step;
    return isPlain && this.paramGroups.every((group) => this.takesFoundInf(group));
  }

  /** As {@link step}, but nothing happens where a float32 scalar on the parameters' device is 1, which nobody waits for. */
  stepUnless(stopped: Tensor): void {
    this.stopped = { flag: stopped, device: stopped.device };
    try {
      this.step();
    } finally {
      this.stopped = null;
    }
  }

  /** Whether the operators of a group take `found_inf` as their last argument, and a step that was left out so leaves no trace. */
  protected takesFoundInf(_group: ParamGroup<O>): boolean {
    return false;
  }

  /**
   * The calls that {@link step} would make if every parameter that requires a gradient had one, which are then made elsewhere; null where that is
   * not known beforehand, as when there is no state yet or a subclass does more than make them. Such classes as only make them
   * have a `static readonly isPlannable = true` of their own.
   *
   * @param stopped with it, the calls of {@link stepUnless}
   * @throws DgsamError `ERR_ARGUMENT` when a group's option is out of range
   */
  plan(stopped: Stopping | null = null): PlannedCall[] | null {
    this.checkUsable("plan()");
    if (!Object.hasOwn(this.constructor, "isPlannable") || this.step !== Optimizer.prototype.step) return null;
    for (const group of this.paramGroups) this.checkOptions(group);
    if (!this.paramGroups.every((group) => this.remembersAll(group) && (stopped === null || this.takesFoundInf(group)))) return null;
    const calls: PlannedCall[] = [];
    this.planned = calls;
    this.stopped = stopped;
    try {
      if (this.paramGroups.length > 1) this.checkStates();
      for (const group of this.paramGroups) this.update(group);
    } finally {
      this.planned = null;
      this.stopped = null;
    }
    return calls;
  }

  /** Whether every parameter has the state that it needs; one that is frozen and never had a gradient needs none. */
  get hasBegun(): boolean {
    return this.paramGroups.every((group) => this.remembersAll(group));
  }

  private remembersAll(group: ParamGroup<O>): boolean {
    const names = this.stateNames(group);
    if (names.length === 0) return true;
    return group.params.every((parameter) => {
      const state = this.state.get(parameter);
      return state === undefined ? !parameter.requiresGrad : names.every((name) => state[name] !== undefined);
    });
  }

  /** The same operator, which is called at once or, while a step is planned, noted. Arguments come by position: keywords cost a search. */
  protected calling<F extends (...args: never[]) => unknown>(operator: F): F {
    const { stopped } = this;
    if (stopped === null) return this.making(operator);
    return ((...args: unknown[]) => (this.making(operator) as unknown as OperatorFunction)(...args, stopped.flag)) as unknown as F;
  }

  /** The same without the question whether to do anything, which the arguments have where there is one. */
  protected making<F extends (...args: never[]) => unknown>(operator: F): F {
    const { planned } = this;
    if (planned === null) return ((...args: unknown[]) => callPlainly(operator as unknown as OperatorFunction, args)) as unknown as F;
    return ((...args: unknown[]) => void planned.push({ operator: operator as unknown as OperatorFunction, args })) as unknown as F;
  }

  /** Whether kernels of a GPU read a learning rate in float64; LibTorch's round it to float32. */
  protected readsRatesExactly(_device: Device): boolean {
    return false;
  }

  /**
   * The learning rate where operators of late steps read it, and what these ask whether to do anything; null where they take a number,
   * in steps that are not late and for float64 parameters on a GPU whose kernels would round it.
   */
  protected lateArguments(group: ParamGroup<O>): { rate: Tensor; flag: Tensor } | null {
    if (this.stopped === null) return null;
    const { device, flag } = this.stopped;
    let rate = this.rates.get(group);
    if (rate?.device !== device) {
      const isRead = device === "cpu" || this.readsRatesExactly(device) || !group.params.some(({ dtype }) => dtype === "float64" || dtype === "complex128");
      this.rates.set(group, (rate = { device, number: isRead ? new DeviceNumber() : null }));
    }
    return rate.number === null ? null : { rate: rate.number.at(device, group.lr), flag };
  }

  /** Throws unless gradients and states of all groups fit their parameters. */
  protected checkStates(): void {
    const parameters: Tensor[] = [];
    const states: Tensor[] = [];
    for (const { params } of this.paramGroups) {
      for (const parameter of params) {
        const state = this.state.get(parameter) ?? {};
        const tensors = Object.keys(state).filter((name) => !(name in SCALARS)).map((name) => state[name]!);
        // Of a newcomer the gradient alone is looked at.
        if (tensors.length === 0) tensors.push(parameter);
        for (const each of tensors) {
          parameters.push(parameter);
          states.push(each);
        }
      }
    }
    this.making(checkStates())(parameters, states);
  }

  /** After a failure: what a first gradient began is no state yet. */
  private forgetBegun(): void {
    for (const parameter of this.begun) {
      for (const each of Object.values(this.state.get(parameter) ?? {})) each.dispose();
      this.state.delete(parameter);
    }
  }

  /** Clears the gradients; with `setToNone` false fills them with zeros instead. */
  zeroGrad(setToNone = true): void {
    this.checkUsable("zeroGrad()");
    zeroGradients(this.paramGroups.flatMap((group) => group.params), setToNone);
  }

  /** Parameters of a group whose first gradient this is: they have no state yet, or not under that name. */
  protected newcomers(group: ParamGroup<O>, name?: string): Tensor[] {
    const without = group.params.filter((parameter) => {
      const state = this.state.get(parameter);
      return state === undefined || (name !== undefined && state[name] === undefined);
    });
    if (without.length === 0) return without;
    const present = gradients(without);
    // The gradient that a frozen one has while a step is planned is cleared before the step's own.
    return without.filter((parameter, i) => present[i] !== null && (this.planned === null || parameter.requiresGrad));
  }

  /**
   * The parameters of a group that had a gradient once, and what they remember, as a list for each of its names. What is not
   * there yet is made: for a first gradient, or for an option that was switched on later.
   */
  protected remember(group: ParamGroup<O>): { parameters: Tensor[]; list: (name: string) => Tensor[] } {
    for (const parameter of this.newcomers(group)) this.begin(parameter, {});
    const names = this.stateNames(group);
    const parameters: Tensor[] = [];
    const lists = names.map((): Tensor[] => []);
    for (const parameter of group.params) {
      const state = this.state.get(parameter);
      if (state === undefined) continue;
      parameters.push(parameter);
      names.forEach((name, i) => lists[i]!.push((state[name] ??= keep(this.initial(name, parameter)))));
    }
    return { parameters, list: (name) => lists[names.indexOf(name)] ?? [] };
  }

  /** What is remembered of a parameter under a name before its first step. */
  protected initial(name: string, parameter: Tensor): Tensor {
    const value = SCALARS[name];
    return value === undefined ? ops.aten["zeros_like.default"](parameter) : this.scalar(parameter, value);
  }

  /** Native code reads numbers such as step counts as float32, whatever the parameter is. */
  private scalar(parameter: Tensor, value: number): Tensor {
    return full([], value, { dtype: "float32", device: this.scalarDevice(parameter) });
  }

  /** Where such numbers lie: on the CPU, where they are read, but for fused kernels, which read them beside the parameter. */
  protected scalarDevice(_parameter: Tensor): Device {
    return "cpu";
  }

  /** Gives a parameter its state; it outlives every scope. */
  protected begin(parameter: Tensor, state: ParameterState): void {
    this.begun.push(parameter);
    for (const each of Object.values(state)) keep(each);
    this.state.set(parameter, state);
  }

  /** State and options, for saving. The tensors are the optimizer's own: copy them before the next step if you keep them. */
  stateDict(): OptimizerStateDict<O> {
    this.checkUsable("stateDict()");
    const state: Record<number, ParameterState> = {};
    let number = 0;
    const paramGroups = this.paramGroups.map(({ params, ...options }) => {
      const numbers = params.map((parameter) => {
        const own = this.state.get(parameter);
        if (own !== undefined) state[number] = { ...own };
        return number++;
      });
      return { ...(options as unknown as O), params: numbers };
    });
    return { state, paramGroups };
  }

  /**
   * Takes over a state dict, copied and converted to each parameter's dtype and device.
   *
   * @throws DgsamError `ERR_ARGUMENT` when groups, options or parameter counts differ, or a state lacks a tensor or has one
   *   that does not fit; then nothing is changed
   */
  loadStateDict(dict: OptimizerStateDict<O>): void {
    const name = `${this.constructor.name}.loadStateDict`;
    this.checkUsable("loadStateDict()");
    if (!isPlainObject(dict) || !Array.isArray(dict.paramGroups) || !isPlainObject(dict.state)) throw argumentError(`${name}(dict)`, "{ state, paramGroups } from stateDict()", dict);
    if (dict.paramGroups.length !== this.paramGroups.length)
      throw new DgsamError("ERR_ARGUMENT", `${name}: expected ${this.paramGroups.length} parameter groups, got ${dict.paramGroups.length}`);
    const places = new Map<number, { parameter: Tensor; options: O }>();
    const groups = dict.paramGroups.map((group, i) => {
      const { params } = this.paramGroups[i]!;
      if (!isPlainObject(group) || !Array.isArray(group.params)) throw argumentError(`${name}: group ${i}`, "{ params, ...options } from stateDict()", group);
      if (group.params.length !== params.length)
        throw new DgsamError("ERR_ARGUMENT", `${name}: group ${i}: expected ${params.length} parameters, got ${group.params.length}`);
      const { params: numbers, ...given } = group;
      const options = this.withDefaults(this.defaults, this.groupOptions(given));
      numbers.forEach((number, j) => {
        if (places.has(number)) throw new DgsamError("ERR_ARGUMENT", `${name}: group ${i}: params: the number ${number} comes twice`);
        places.set(number, { parameter: params[j]!, options });
      });
      return { ...given, params };
    });
    const loaded = noGrad(() =>
      scope(() =>
        Object.entries(dict.state).map(([number, state]) => {
          const place = places.get(Number(number));
          if (place === undefined) throw new DgsamError("ERR_ARGUMENT", `${name}: state of parameter ${number}, which is in no group`);
          return [place.parameter, adoptState(`${name}: state[${number}]`, place.parameter, this.stateNames(place.options), state, (value) => this.scalar(place.parameter, value))] as const;
        }),
      ),
    );
    // The dict may be this optimizer's own.
    const given = new Set(Object.values(dict.state).flatMap((state) => Object.values(state)));
    for (const old of this.state.values()) for (const each of Object.values(old)) if (!given.has(each)) each.dispose();
    this.state.clear();
    for (const [parameter, state] of loaded) this.begin(parameter, state);
    groups.forEach((group, i) => Object.assign(this.paramGroups[i]!, group));
  }

  /**
   * Frees what it remembers of the parameters, what `stateDict()` gave included. Parameters and their gradients stay: they are the
   * caller's. Calling it twice is allowed; any other use is an `ERR_DISPOSED`.
   */
  dispose(): void {
    this.disposed = true;
    for (const state of this.state.values()) for (const each of Object.values(state)) each.dispose();
    this.state.clear();
    for (const { number } of this.rates.values()) number?.dispose();
    this.rates.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private checkUsable(what: string): void {
    if (this.disposed) throw disposedError(`${this.constructor.name}.${what}`);
  }

  /** The optimizer's own options among those of a group: wrappers and schedulers keep theirs there too. */
  private groupOptions(group: object): Partial<O> {
    return Object.fromEntries(Object.entries(group).filter(([option]) => option in this.defaults)) as Partial<O>;
  }
}
