/** Dropout's arguments: the operator has no defaults, `torch.nn.functional.dropout` has. */

import { keywordArguments, type OperatorFunction } from "../operators.js";
import { inOrder, operator, type Callable } from "./define.js";

export interface DropoutSettings {
  /** The probability of each element to become 0. Default 0.5. */
  p?: number;
  /** Default true. */
  training?: boolean;
  /** `training` as `torch.dropout` names it. */
  train?: boolean;
}

/** The operator with the defaults of `torch.nn.functional.dropout`. */
export function dropoutOver<F extends Callable>(name: "dropout" | "dropout_"): F {
  const call = operator<OperatorFunction>(name);
  const filled = (...args: unknown[]): unknown => {
    const options = keywordArguments(args);
    if (options !== undefined && "train" in options) {
      const { train, ...others } = options;
      args[args.length - 1] = { training: train, ...others };
    }
    const [input, p = 0.5, training = true] = inOrder(name, args, ["input", "p", "training"]);
    return call(input, p, training);
  };
  return filled as unknown as F;
}
