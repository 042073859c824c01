/** What every optimizer is: parameter groups with options, state per parameter, `step()`, `zeroGrad()`, state dicts. */

import { argumentError, DgsamError } from "../errors.js";
import { gradients, keep, noGrad, ops, scope, Tensor, zeroGradients } from "../tensor/index.js";

/** One group of parameters with its own options; schedulers write `lr` here. */
export type ParamGroup<O> = O & { params: Tensor[] };

/** Parameters, or groups of them with options that differ from the constructor's. */
export type ParamsInput<O> = Iterable<Tensor> | Iterable<{ params: Iterable<Tensor> } & Partial<O>>;

/** What an optimizer remembers of one parameter: tensors by name. */
export type ParameterState = Record<string, Tensor>;

/** Everything needed to go on: state by the parameter's number over all groups, and the groups with such numbers. */
export interface OptimizerStateDict<O> {
  state: Record<number, ParameterState>;
  paramGroups: (O & { params: number[] })[];
}

/** What any optimizer can be asked for, whatever its options: what wrappers such as SAM and schedulers rely on. */
export interface OptimizerLike {
  readonly paramGroups: ({ params: Tensor[]; lr: number })[];
  step(): void;
  zeroGrad(setToNone?: boolean): void;
  stateDict(): unknown;
  loadStateDict(dict: never): void;
}

function isGroup(value: unknown): value is { params: Iterable<Tensor> } {
  return typeof value === "object" && value !== null && !(value instanceof Tensor) && "params" in value;
}

/** Base of the optimizers over LibTorch's fused kernels. */
export abstract class Optimizer<O extends { lr: number }> implements OptimizerLike {
  readonly paramGroups: ParamGroup<O>[] = [];
  /** By parameter; filled when a parameter first has a gradient. */
  readonly state = new Map<Tensor, ParameterState>();
  /** The options that a group takes where it names none. */
  readonly defaults: O;

  /**
   * @param params tensors, or groups `{ params, ...options }`
   * @param defaults every option of the optimizer, with the value it has when nobody names one
   * @throws DgsamError `ERR_ARGUMENT` when there are none, one is no leaf or comes twice, or an option is unknown or out of range
   */
  protected constructor(params: ParamsInput<O>, defaults: O, options: Partial<O>) {
    this.defaults = this.withDefaults(defaults, options);
    if (params instanceof Tensor || typeof (params as Iterable<unknown> | null)?.[Symbol.iterator] !== "function")
      throw argumentError(`new ${this.constructor.name}(params)`, "an array of Tensors or of groups { params, ...options }", params);
    const list = [...params];
    if (list.length === 0) throw argumentError(`new ${this.constructor.name}(params)`, "at least one parameter", list);
    if (list.some(isGroup)) for (const group of list) this.addParamGroup(group as unknown as { params: Iterable<Tensor> } & Partial<O>);
    else this.addParamGroup({ params: list } as unknown as { params: Iterable<Tensor> } & Partial<O>);
  }

  /** Checks the options of one group; throws `ERR_ARGUMENT`. */
  protected abstract checkOptions(options: O): void;

  /** Updates those parameters of a group that have gradients. Called with gradients off, in a scope of its own. */
  protected abstract update(group: ParamGroup<O>): void;

  /** Adds parameters, say of layers that are unfrozen during training. */
  addParamGroup(group: { params: Iterable<Tensor> } & Partial<O>): void {
    const name = this.constructor.name;
    if (!isGroup(group)) throw argumentError(`${name}: group`, "{ params, ...options }", group);
    const { params, ...given } = group;
    const list = params instanceof Tensor ? [params] : [...params];
    const known = new Set(this.paramGroups.flatMap((each) => each.params));
    list.forEach((param, i) => {
      if (!(param instanceof Tensor)) throw argumentError(`${name}: params[${i}]`, "a Tensor", param);
      if (!param.isLeaf) throw new DgsamError("ERR_ARGUMENT", `${name}: params[${i}]: expected a leaf tensor, got the result of an operation; pass the tensors it was made from, or detach() it`);
      if (known.has(param)) throw new DgsamError("ERR_ARGUMENT", `${name}: params[${i}] is in the optimizer already; each parameter belongs to one group, once`);
      known.add(param);
    });
    this.paramGroups.push({ ...this.withDefaults(this.defaults, given as unknown as Partial<O>), params: list });
  }

  private withDefaults(defaults: O, given: Partial<O>): O {
    const options = { ...defaults };
    for (const [option, value] of Object.entries(given)) {
      if (!(option in defaults)) throw new DgsamError("ERR_ARGUMENT", `${this.constructor.name}: unknown option '${option}'; the options are ${Object.keys(defaults).join(", ")}`);
      if (value !== undefined) options[option as keyof O] = value as O[keyof O];
    }
    this.checkOptions(options);
    return options;
  }

  /**
   * One update of every parameter that has a gradient, from `grad`. Parameters without one stay untouched.
   *
   * @throws DgsamError `ERR_DISPOSED`, `ERR_SHAPE`, `ERR_DTYPE`
   */
  step(): void {
    noGrad(() =>
      scope(() => {
        for (const group of this.paramGroups) this.stepGroup(group);
      }),
    );
  }

  private stepGroup(group: ParamGroup<O>): void {
    this.checkOptions(group);
    this.update(group);
  }

  /** Clears the gradients; with `setToNone` false fills them with zeros instead. */
  zeroGrad(setToNone = true): void {
    zeroGradients(this.paramGroups.flatMap((group) => group.params), setToNone);
  }

  /** Parameters of a group whose first gradient this is: they have no state yet. */
  protected newcomers(group: ParamGroup<O>): Tensor[] {
    const without = group.params.filter((parameter) => !this.state.has(parameter));
    if (without.length === 0) return without;
    const present = gradients(without);
    return without.filter((_, i) => present[i] !== null);
  }

  /** Gives a parameter its state; it outlives every scope. */
  protected begin(parameter: Tensor, state: ParameterState): void {
    for (const each of Object.values(state)) keep(each);
    this.state.set(parameter, state);
  }

  /** State and options, for saving. The tensors are the optimizer's own: copy them before the next step if you keep them. */
  stateDict(): OptimizerStateDict<O> {
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
   * @throws DgsamError `ERR_ARGUMENT` when groups or parameter counts differ, or a state tensor's shape does not fit; then nothing is changed
   */
  loadStateDict(dict: OptimizerStateDict<O>): void {
    const name = this.constructor.name;
    if (typeof dict !== "object" || dict === null || !Array.isArray(dict.paramGroups) || typeof dict.state !== "object")
      throw argumentError(`${name}.loadStateDict(dict)`, "{ state, paramGroups } from stateDict()", dict);
    if (dict.paramGroups.length !== this.paramGroups.length)
      throw new DgsamError("ERR_ARGUMENT", `${name}.loadStateDict: expected ${this.paramGroups.length} parameter groups, got ${dict.paramGroups.length}`);
    const byNumber = new Map<number, Tensor>();
    dict.paramGroups.forEach((group, i) => {
      const { params } = this.paramGroups[i]!;
      if (group.params.length !== params.length)
        throw new DgsamError("ERR_ARGUMENT", `${name}.loadStateDict: group ${i}: expected ${params.length} parameters, got ${group.params.length}`);
      this.checkOptions({ ...this.defaults, ...group });
      group.params.forEach((number, j) => byNumber.set(number, params[j]!));
    });
    const loaded = noGrad(() =>
      scope(() =>
        Object.entries(dict.state).map(([number, state]) => {
          const parameter = byNumber.get(Number(number));
          if (parameter === undefined) throw new DgsamError("ERR_ARGUMENT", `${name}.loadStateDict: state of parameter ${number}, which is in no group`);
          return [parameter, this.adopt(parameter, Number(number), state)] as const;
        }),
      ),
    );
    this.state.clear();
    for (const [parameter, state] of loaded) this.begin(parameter, state);
    dict.paramGroups.forEach((group, i) => Object.assign(this.paramGroups[i]!, group, { params: this.paramGroups[i]!.params }));
  }

  private adopt(parameter: Tensor, number: number, state: ParameterState): ParameterState {
    const shape = parameter.shape.join();
    return Object.fromEntries(
      Object.entries(state).map(([key, value]) => {
        if (!(value instanceof Tensor)) throw argumentError(`${this.constructor.name}.loadStateDict: state[${number}].${key}`, "a Tensor", value);
        // Step counts are float32 scalars whatever the parameter is.
        if (key === "step") return [key, ops.aten["clone.default"](value)];
        if (value.shape.join() !== shape)
          throw new DgsamError("ERR_ARGUMENT", `${this.constructor.name}.loadStateDict: state[${number}].${key}: expected shape [${parameter.shape.join(", ")}], got [${value.shape.join(", ")}]`);
        const own = ops.aten["empty_like.default"](parameter);
        return [key, ops.aten["copy_.default"](own, value)];
      }),
    );
  }
}

/** Throws `ERR_ARGUMENT` unless `value` is a number within the bounds. NaN never is. */
export function checkNumber(optimizer: string, option: string, value: unknown, low: number, high = Infinity, highIncluded = true): void {
  if (typeof value === "number" && value >= low && (highIncluded ? value <= high : value < high)) return;
  const range = high === Infinity ? `>= ${low}` : `from ${low} to ${highIncluded ? "" : "below "}${high}`;
  throw argumentError(`${optimizer}: ${option}`, `a number ${range}`, value);
}

export function checkBoolean(optimizer: string, option: string, value: unknown): void {
  if (typeof value !== "boolean") throw argumentError(`${optimizer}: ${option}`, "a boolean", value);
}
