/** Files that pyarrow wrote, and one that hyparquet does not come to an end with. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readParquet } from "../../../lib/data/images/parquet.js";
import { expectRejection } from "./files.js";

const FILES = fileURLToPath(new URL("parquet", import.meta.url));
const written = readdirSync(FILES).filter((name) => name.endsWith(".parquet") && name !== "endless.parquet");

test.each(written)("reads what pyarrow writes: %s", async (name) => {
  const { collection, problems } = await readParquet([path.join(FILES, name)]);
  expect(problems).toEqual([]);
  for (const [d, domain] of collection.domains.entries()) {
    expect(domain.name).toBe(`site ${d}`);
    for (const [j, { image, label }] of domain.records.entries()) {
      const i = 10 * d + j;
      expect(label).toBe((i * i * 37) % 1003);
      if (i !== 7) expect([...(await image.read())]).toEqual(new Array(i % 9).fill(i));
      else await expectRejection(() => image.read(), "ERR_DATA", /#row 7: has no image bytes/);
    }
  }
});

test("refuses a page whose header lacks the size of its levels", () =>
  expectRejection(() => readParquet([path.join(FILES, "endless.parquet")]), "ERR_DATA", /endless\.parquet: the page at byte \d+ does not tell the sizes of its levels$/));
