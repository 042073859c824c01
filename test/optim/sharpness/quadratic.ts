/** A loss of two parameters whose gradients are easily written down. */
import { tensor } from "dgsam";
import { closuresIn, Visits, type Mode } from "../modes.js";

/** Loss (p_0^2 + 3 p_1^2) / 2 at (3, 4/3): the gradient is (p_0, 3 p_1), there (3, 4) of norm 5. Notes where it was taken. */
export function quadratic(mode: Mode) {
  const p = tensor([3, 4 / 3], { dtype: "float64", requiresGrad: true });
  const weights = tensor([0.5, 1.5], { dtype: "float64" });
  const visits = new Visits(2);
  const loss = closuresIn(mode, () => (visits.note(p), p.square().mul(weights).sum()))();
  visits.reset();
  return { p, loss, visits };
}
