/** Archives beyond what 32 bits can say; what tests of .npz and .pth files do not come to. */
import { closeSync, openSync } from "node:fs";
import { expect, test } from "vitest";
import { withInputFile } from "../../lib/weights/input-file.js";
import { OutputFile } from "../../lib/weights/output-file.js";
import { ZipReader } from "../../lib/weights/zip-reader.js";
import { ZipWriter } from "../../lib/weights/zip-writer.js";
import { withFolder } from "./files.js";

test("entries behind 4 GiB are found by their zip64 offsets", () => withFolder((path) => {
  const descriptor = openSync(path("w"), "w");
  const output = new OutputFile(descriptor);
  const archive = new ZipWriter(output);
  archive.add("first", [Buffer.from("one")]);
  // A hole, which takes no room on the disk.
  output.position += 2 ** 32;
  archive.add("second", [Buffer.from("t"), Buffer.from("wo")]);
  archive.finish();
  closeSync(descriptor);
  withInputFile(path("w"), (file) => {
    expect(file.length).toBeGreaterThan(2 ** 32);
    const reader = new ZipReader(path("w"), file, 0);
    expect(reader.names()).toEqual(["first", "second"]);
    expect(["first", "second"].map((name) => reader.open(name).read(0, 3).toString())).toEqual(["one", "two"]);
  });
}));
