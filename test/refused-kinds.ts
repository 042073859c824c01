import { DgsamError } from "dgsam";
import { expect } from "vitest";

/** Values of all kinds, by name; made anew for each call. */
export type Kinds = Readonly<Record<string, () => unknown>>;

/** Names of the kinds for which the call throws. Each error must be a DgsamError. */
export function refusedKinds(kinds: Kinds, call: (value: unknown) => unknown): string[] {
  return Object.keys(kinds).filter((kind) => {
    try {
      call(kinds[kind]!());
      return false;
    } catch (error) {
      expect(error, `${kind}: ${String((error as Error).stack)}`).toBeInstanceOf(DgsamError);
      return true;
    }
  });
}
