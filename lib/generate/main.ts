/** `npm run generate`: writes what is derived from the live dispatcher. */

import { writeFileSync } from "node:fs";
import { OPERATOR_TYPES_FILE, operatorTypes } from "./file.js";

writeFileSync(OPERATOR_TYPES_FILE, operatorTypes());
console.log(`wrote ${OPERATOR_TYPES_FILE}`);
