import { expect, test } from "vitest";
import { align } from "../../lib/report/align.js";
import { dataText } from "../../lib/report/data-text.js";
import { printable } from "../../lib/report/printable.js";

test.each([
  ["plain, ü, 日本, 👩‍🔬, \\n", "plain, ü, 日本, 👩‍🔬, \\n"],
  ["a\nb\tc\r", "a\\nb\\tc\\r"],
  ["\u001b[31mred\u0000\u007f", "\\u001b[31mred\\u0000\\u007f"],
  ["\u009b2J\u0085\u2028\u2029", "\\u009b2J\\u0085\\u2028\\u2029"],
])("%j", (text, expected) => expect(printable(text)).toBe(expected));

test("cells are as wide as what is printed", () => {
  expect(align([["a\nb", "c"], ["d", "\u001b"]], 1)).toBe("a\\nb       c\nd     \\u001b");
});

test("the text of a report: its name, classes, domains, paths and messages", () => {
  const report = { name: "d\n", classes: ["c\tc"], domains: [{ name: "no\nrth", images: 1, counts: [1] }], images: 1, ok: false, problems: [{ kind: "unreadable" as const, path: "d/no\nrth/x.jpg", message: "is\u001b[2J empty" }] };
  expect(dataText(report)).toBe([
    "d\\n: 1 image, 1 class, 1 domain", "", "class  no\\nrth", "c\\tc         1", "(all)        1", "", "1 problem:", "", "unreadable (1)", "  d/no\\nrth/x.jpg: is\\u001b[2J empty", "",
  ].join("\n"));
});
