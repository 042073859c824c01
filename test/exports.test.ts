/** The public list of the package: what is added or taken away by accident shows here. `vitest -u` writes a change down. */
import * as dgsam from "dgsam";
import * as reference from "dgsam/reference";
import { expect, it } from "vitest";

const names = (module: object) => `${Object.keys(module).sort().join("\n")}\n`;

it("the package exports what exports.txt lists", () => expect(names(dgsam)).toMatchFileSnapshot("exports.txt"));
it("its entry dgsam/reference exports what exports-reference.txt lists", () => expect(names(reference)).toMatchFileSnapshot("exports-reference.txt"));
