/** Native base optimizers and their twins by name. */
import * as dgsam from "dgsam";
import type { Optimizer, Tensor } from "dgsam";
import * as reference from "dgsam/reference";
import { FULL, type Options, type OptimizerName } from "../../reference/cases.js";

type Group = { params: readonly Tensor[]; [option: string]: unknown };
/** What all of them are to a test, whatever their options. */
export type AnyOptimizer = Optimizer<{ lr: number; [option: string]: unknown }>;

export const native = (name: OptimizerName, params: readonly Tensor[] | readonly Group[], options: Options = FULL[name]): AnyOptimizer =>
  new (dgsam[name] as unknown as new (params: unknown, options: Options) => AnyOptimizer)(params, options);

export const twin = (name: OptimizerName, params: reference.ParamsInput<reference.SGDOptions>, options: Options = FULL[name]): reference.SGD =>
  new (reference[name] as new (params: unknown, options: Options) => reference.SGD)(params, options);
