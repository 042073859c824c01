import { DgsamError } from "../errors.js";

/** `ERR_STATE`. @param what the class and the method */
export function calledInStep(what: string): DgsamError {
  return new DgsamError("ERR_STATE", `${what}: called from a closure of this optimizer's own step`);
}

/** `ERR_DISPOSED`. @param method the class and the method, such as "Adam.step()" */
export function disposedError(method: string): DgsamError {
  return new DgsamError("ERR_DISPOSED", `${method}: the optimizer was disposed; make a new one, with copies of what stateDict() gave before if it is to go on from there`);
}
