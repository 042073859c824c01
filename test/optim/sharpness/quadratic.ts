/** A loss of two parameters whose gradients are easily written down. */
import { tensor } from "dgsam";

/** Loss (p_0^2 + 3 p_1^2) / 2 at (3, 4/3): the gradient is (p_0, 3 p_1), there (3, 4) of norm 5. */
export function quadratic() {
  const p = tensor([3, 4 / 3], { dtype: "float64", requiresGrad: true });
  return { p, loss: () => p.square().mul(tensor([0.5, 1.5], { dtype: "float64" })).sum() };
}
