/** What `dgsam data check` prints. */

import type { DataProblem, DataReport } from "../data/index.js";
import { align } from "./align.js";
import { printable } from "./printable.js";

// Of each kind; the JSON has all.
const SHOWN = 50;

/** How many images of each class each domain has, then the problems by kind. */
export function dataText({ name, classes, domains, images, problems }: DataReport): string {
  const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;
  const lines = [`${printable(name)}: ${counted(images, "image", "images")}, ${counted(classes.length, "class", "classes")}, ${counted(domains.length, "domain", "domains")}`, ""];
  lines.push(align([
    ["class", ...domains.map((domain) => domain.name)],
    ...classes.map((each, label) => [each, ...domains.map(({ counts }) => String(counts[label]!))]),
    ["(all)", ...domains.map((domain) => String(domain.images))],
  ], 1));
  lines.push("", problems.length === 0 ? "No problems." : `${counted(problems.length, "problem", "problems")}:`);
  for (const [kind, group] of byKind(problems)) {
    lines.push("", `${kind} (${group.length})`, ...group.slice(0, SHOWN).map(({ path, message }) => `  ${printable(`${path}: ${message}`)}`));
    if (group.length > SHOWN) lines.push(`  ... and ${group.length - SHOWN} more; --json prints all`);
  }
  return `${lines.join("\n")}\n`;
}

function byKind(problems: readonly DataProblem[]): Map<string, DataProblem[]> {
  const groups = new Map<string, DataProblem[]>();
  for (const problem of problems) {
    const group = groups.get(problem.kind);
    if (group === undefined) groups.set(problem.kind, [problem]);
    else group.push(problem);
  }
  return groups;
}
