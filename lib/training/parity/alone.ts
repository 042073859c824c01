/** What stands for an algorithm where an optimizer evaluates the closure itself, as LBFGS does: it is given the mean loss. */

import type { Closure } from "../../optim/index.js";
import type * as reference from "../../reference/index.js";

export class Alone {
  private readonly optimizer;

  constructor(params: unknown, Optimizer: new (params: never, options: object) => { step(closure: Closure): unknown }, options: object) {
    this.optimizer = new Optimizer(params as never, options);
  }

  step(closures: readonly Closure[]): void {
    this.optimizer.step(() => closures.map((closure) => closure()).reduce((sum, loss) => sum.add(loss)).div(closures.length));
  }
}

export class AloneTwin {
  private readonly optimizer;

  constructor(params: unknown, Optimizer: new (params: never, options: object) => { step(closure: reference.Closure): unknown }, options: object) {
    this.optimizer = new Optimizer(params as never, options);
  }

  step(meanClosure: reference.Closure): void {
    this.optimizer.step(meanClosure);
  }
}
