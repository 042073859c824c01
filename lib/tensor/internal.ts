/** What the floors above need of this room and users do not. */
export { gradients, setGradients, zeroGradients } from "./tensor.js";
export { differentiateLoss, differentiateUnread, gradientStamp } from "./autograd.js";
export { gradientChanges } from "./gradient-changes.js";
export { differentiateCaptured, isCaptured, planCaptured } from "./capture/index.js";
export { Commands, NoProgram, NotPlannable, type LatePlannedPass, type PlannedPass } from "./capture/commands.js";
export { emulateGraphs, hasGraphs, StepGraphs } from "./capture/step-graphs.js";
export { callPlainly, type OperatorFunction } from "./operators.js";
export { addWatcher, isUnchanged, type Guard, type Watch } from "./capture/guards.js";
export { isCurrent } from "./stream.js";
export { fetchAfter, fetchMemory, startFetch } from "./transfer.js";
export { inBackground, readWhole } from "./background.js";
export { kernelsServe } from "./runtime.js";
export { copyInto, discard, mapFile } from "./data.js";
export { forgetCasts } from "./autocast.js";
export { Script, type ScriptMode } from "./script.js";
export { takeOwner } from "./lifetime.js";
export { isPromiseLike, withoutTensors } from "./scope.js";
export type { NoPromise } from "./synchronous.js";
