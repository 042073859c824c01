/** What the tests of GradScaler scale. */
import { scope, SGD, tensor } from "dgsam";
import { closuresIn, type Mode } from "../modes.js";

export const inScope = (body: () => void) => (): void => scope(body);

/** A parameter of one element with its optimizer; its loss is linear, so that the gradient is the given one. */
export function problem(gradient = 1, mode: Mode = "eager") {
  const param = tensor([1], { requiresGrad: true });
  return { param, optimizer: new SGD([param], { lr: 0.5 }), loss: closuresIn(mode, () => param.mul(gradient).sum())() };
}
