/** The models' public list. */
export { MLP, type MLPOptions } from "./mlp.js";
export { MnistCnn, type MnistCnnOptions } from "./mnist-cnn.js";
