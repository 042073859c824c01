import { expect, test } from "vitest";
import { align } from "../../lib/report/align.js";

test("columns are as wide as their widest cell; those on the left are flush left, lines have no blanks at the end", () => {
  const rows = [["a", "bb", ""], ["ccc", "d", "eeee"]];
  expect(align(rows, 1)).toBe("a    bb\nccc   d  eeee");
  expect(align(rows, 3)).toBe("a    bb\nccc  d   eeee");
});
