import { readdirSync, readFileSync } from "node:fs";
import ts from "typescript";
import { expect, it } from "vitest";

const folder = new URL("../../lib/reference/", import.meta.url);

/** What a source file imports or re-exports, whichever way. */
function specifiers(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

it("the twins import nothing but each other", () => {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  expect(files).toContain("sharpness/dgsam.ts");
  for (const file of files) {
    const place = new URL(file, folder);
    for (const specifier of specifiers(readFileSync(place, "utf8"))) {
      expect(specifier, `${file} imports ${specifier}`).toMatch(/^\.{1,2}\//);
      expect(new URL(specifier, place).href.startsWith(folder.href), `${file} imports ${specifier}`).toBe(true);
    }
  }
});

it("sees every form of import", () => {
  const text = 'import "../a.js"; export * from "b"; const c = await import("c"); const d = require("d"); import type { E } from "e";';
  expect(specifiers(text).sort()).toEqual(["../a.js", "b", "c", "d", "e"]);
});
