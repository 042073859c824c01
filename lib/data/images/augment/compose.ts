import { argumentError } from "../../../errors.js";
import type { Tensor } from "../../../tensor/index.js";
import { makeTransform, type Transform } from "./transform.js";

/** Runs transforms one after the other, each on what the one before made. An empty list copies. */
export function compose(transforms: readonly Transform[]): Transform {
  if (!Array.isArray(transforms)) throw argumentError("compose(transforms)", "an array of transforms", transforms);
  transforms.forEach((each: unknown, i) => {
    if (typeof (Object(each) as { apply?: unknown }).apply !== "function" || typeof each === "function") {
      throw argumentError(`compose: transforms[${i}]`, "a Transform, as normalize({ ... }) makes one", each);
    }
  });
  const steps = [...transforms];
  return makeTransform("compose", (images, generator) => {
    if (steps.length === 0) return images.clone();
    let current: Tensor = images;
    for (const step of steps) {
      const next = step.apply(current, generator);
      // Batches are big: freed at once, not at the end of the scope.
      if (current !== images && next !== current) current.dispose();
      current = next;
    }
    return current;
  });
}
