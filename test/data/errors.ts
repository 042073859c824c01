import { DgsamError, type DgsamErrorCode } from "dgsam";
import { expect } from "vitest";

/** Expects `action` to throw a DgsamError of this code whose message matches; returns it. */
export function expectError(action: () => unknown, code: DgsamErrorCode, message: RegExp): DgsamError {
  let thrown: unknown;
  try {
    action();
  } catch (error) {
    thrown = error;
  }
  return checkError(thrown, code, message);
}

/** Expects what was thrown to be a DgsamError of this code whose message matches; returns it. */
export function checkError(thrown: unknown, code: DgsamErrorCode, message: RegExp): DgsamError {
  expect(thrown).toBeInstanceOf(DgsamError);
  const error = thrown as DgsamError;
  expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
  return error;
}
