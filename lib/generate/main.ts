/** `npm run generate`: writes what is derived from the live dispatcher. */

import { writeFileSync } from "node:fs";
import { generatedFiles } from "./file.js";

for (const { name, path, text } of generatedFiles()) {
  writeFileSync(path, text);
  console.log(`wrote ${name}`);
}
