/** The models' public list. */
export { MLP } from "./mlp.js";
export { MnistCnn, type MnistCnnOptions } from "./mnist-cnn.js";
