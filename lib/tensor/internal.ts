/** What the floors above need of this room and users do not. */
export { countGradients, gradients, setGradients } from "./tensor.js";
export { differentiateLoss } from "./autograd.js";
export { isPromiseLike } from "./scope.js";
