/** The models' public list. */
export { MLP, type MLPOptions } from "./mlp.js";
export { MnistCnn, type MnistCnnOptions } from "./mnist-cnn.js";
export { loadTorchScript, ScriptModule, type LoadTorchScriptOptions, type ScriptValue } from "./torchscript.js";
