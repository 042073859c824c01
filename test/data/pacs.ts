/** Where the PACS benchmark lies, in DomainBed's layout, where somebody has it: it is not part of the repository. */
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = path.join(process.env["DGSAM_TEST_DATA"] ?? path.resolve(root, "../shared/data"), "PACS");

/** Its folder, with `art_painting`, `cartoon` and `photo` at least; tests that need it skip without: `test.skipIf(PACS === undefined)`. */
export const PACS: string | undefined = existsSync(path.join(folder, "photo")) ? folder : undefined;
