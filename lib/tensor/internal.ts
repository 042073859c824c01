/** What the floors above need of this room and users do not: gradients of many tensors in one native call. */
export { gradients, setGradients, zeroGradients } from "./tensor.js";
export { differentiateLoss, gradientStamp } from "./autograd.js";
