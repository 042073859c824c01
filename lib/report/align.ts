/** Cells side by side in columns, as text. */

import { printable } from "./printable.js";

/**
 * Pads each column to its widest cell, two blanks between columns. Control characters in cells are escaped.
 *
 * @param table rows, all with the same number of cells
 * @param left how many columns, from the first on, are flush left; the others are flush right
 */
export function align(table: readonly (readonly string[])[], left: number): string {
  const rows = table.map((row) => row.map(printable));
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number): string => (column < left ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!));
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}
