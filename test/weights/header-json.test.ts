/** Our reader of JSON beside JSON.parse, which is the oracle but for keys that come twice. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonFault, parseJson } from "../../lib/weights/header-json.js";

/** As JSON.parse gives it: objects for Maps. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries([...(value as Map<string, unknown>)].map(([key, each]) => [key, plain(each)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

function outcome(parse: () => unknown): unknown {
  try {
    return { value: parse() };
  } catch (error) {
    return error instanceof JsonFault || error instanceof SyntaxError ? "refused" : error;
  }
}

describe("the same as JSON.parse's are", () => {
  test("the values of any JSON, however it is spaced", () => {
    fc.assert(fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, "\t\r\n "), (value, space) => {
      const text = JSON.stringify(value, null, space);
      expect(plain(parseJson(text))).toEqual(JSON.parse(text));
    }), { numRuns: 500, seed: 9 });
  });

  test("what is taken and what is refused of damaged texts", () => {
    const character = fc.constantFrom(...'{}[]:,"\\ 0123456789-+.eEtruefalsn\u0000\u00e9\n');
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 2 }), fc.nat(), character, fc.boolean(), (value, place, inserted, isReplaced) => {
      const text = JSON.stringify(value);
      const at = place % (text.length + 1);
      const damaged = text.slice(0, at) + inserted + text.slice(at + (isReplaced ? 1 : 0));
      const ours = outcome(() => plain(parseJson(damaged)));
      // Only we refuse a key that comes twice.
      if (ours === "refused" && /^has the key/.test(faultOf(damaged))) return;
      expect(ours).toEqual(outcome(() => JSON.parse(damaged) as unknown));
    }), { numRuns: 3000, seed: 10 });
  });

  test.each(["0", "-0", "01", "-01", "1.", ".5", "1e", "1e5", "-1.5E-3", "999999999999999", "9007199254740993", "12345678901234567890", "1e400", "+1", "--1", "", " ", "nul", "nulll", "[1,]", "{,}", "[", '"', '"\\', '"\\u12"'])(
    "%s", (text) => expect(outcome(() => parseJson(text))).toEqual(outcome(() => JSON.parse(text) as unknown)));
});

function faultOf(text: string): string {
  try {
    parseJson(text);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

test("the key __proto__ is one as any other", () => expect(parseJson('{"__proto__":1}')).toEqual(new Map([["__proto__", 1]])));
test("keys that are equal once their escapes are read are refused", () => expect(faultOf('{"a":1,"\\u0061":2}')).toBe('has the key "a" twice'));
test("128 levels are read, more are refused", () => {
  expect(faultOf("[".repeat(128) + "]".repeat(128))).toBe("");
  expect(faultOf("[".repeat(1e6))).toBe("is nested more than 128 deep");
});
