/**
 * What the base optimizers share: parameter groups, and a step that visits each parameter that has a gradient.
 *
 * Parameters are plain `Float64Array`s, changed in place. Their shapes do not matter to any rule here.
 */
import { TwinError } from "../errors.js";

/** One gradient per parameter, in the order of the parameter groups; `null` where there is none. */
export type Gradients = readonly (Float64Array | null)[];

/** Parameters that share options; what a group leaves out is taken from the optimizer's options. */
export type ParamGroupInput<Options extends object> = { readonly params: readonly Float64Array[] } & Options;

/** A list of parameters, or a list of groups. */
export type ParamsInput<Options extends object> = readonly Float64Array[] | readonly ParamGroupInput<Options>[];

/** A group with every option filled in. Options may be changed between steps, as schedulers do. */
export type ParamGroup<Options extends object> = { readonly params: readonly Float64Array[] } & Required<Options>;

export abstract class Optimizer<Options extends object> {
  readonly paramGroups: readonly ParamGroup<Options>[];
  /** The parameters of all groups: the order in which `step` takes gradients. */
  readonly params: readonly Float64Array[];

  /**
   * @param params parameters or groups, none of them empty, no parameter twice.
   * @param options defaults for what a group leaves out.
   * @throws TwinError ERR_ARGUMENT for an option out of range, for no parameters, or for a parameter given twice.
   */
  protected constructor(params: ParamsInput<Options>, options: Required<Options>) {
    this.paramGroups = toGroups(params).map((group) => ({ ...options, ...group }));
    this.params = this.paramGroups.flatMap((group) => group.params);
    if (this.params.length === 0) throw new TwinError("ERR_ARGUMENT", "params: expected at least one parameter, got none");
    if (new Set(this.params).size !== this.params.length) {
      throw new TwinError("ERR_ARGUMENT", "params: expected each parameter once, got one twice");
    }
    for (const group of this.paramGroups) this.checkOptions(group);
  }

  /**
   * Updates every parameter that has a gradient, in place. A parameter whose gradient is `null` keeps its value and its
   * state: no weight decay, no momentum, no count.
   *
   * @throws TwinError ERR_SHAPE when the gradients do not fit the parameters; nothing is changed then.
   */
  step(grads: Gradients): void {
    checkGradients(this.params, grads);
    let index = 0;
    for (const group of this.paramGroups) {
      for (const param of group.params) {
        const grad = grads[index];
        if (grad) this.update(group, index, param, grad);
        index++;
      }
    }
  }

  protected abstract checkOptions(group: ParamGroup<Options>): void;

  /** The rule for one parameter. `index` is its place in `params`, the key of its state. `grad` is not to be changed. */
  protected abstract update(group: ParamGroup<Options>, index: number, param: Float64Array, grad: Float64Array): void;
}

/** Parameters or groups, as groups. */
export function toGroups<Options extends object>(params: ParamsInput<Options>): readonly ParamGroupInput<Options>[] {
  const isParameter = (entry: Float64Array | ParamGroupInput<Options>) => entry instanceof Float64Array;
  if (!params.some(isParameter)) return params as readonly ParamGroupInput<Options>[];
  if (params.every(isParameter)) return [{ params } as ParamGroupInput<Options>];
  throw new TwinError("ERR_ARGUMENT", "params: expected only Float64Arrays or only groups, got both");
}

/** @throws TwinError ERR_SHAPE unless there is one gradient per parameter, `null` or as long as the parameter. */
export function checkGradients(params: readonly Float64Array[], grads: Gradients): void {
  if (grads.length !== params.length) {
    throw new TwinError("ERR_SHAPE", `grads: expected ${params.length} gradients, one per parameter, got ${grads.length}`);
  }
  for (const [index, grad] of grads.entries()) {
    if (grad !== null && grad.length !== params[index]!.length) {
      const expected = `null or a length of ${params[index]!.length}, as the parameter`;
      throw new TwinError("ERR_SHAPE", `grads[${index}]: expected ${expected}, got a length of ${grad.length}`);
    }
  }
}
