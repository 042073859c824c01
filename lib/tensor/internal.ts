/** What the floors above need of this room and users do not: gradients of many tensors in one native call. */
export { countGradients, gradients, setGradients, zeroGradients } from "./tensor.js";
export { differentiateLoss } from "./autograd.js";
