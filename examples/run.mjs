/**
 * `npm run example NAME [arguments]`: compiles the examples, which Node 20 cannot run as they are, and runs one. A file in
 * this folder is an example; those in a folder of its name are its parts.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";

const source = fileURLToPath(new URL(".", import.meta.url));
// Inside the package, so that `import "dgsam"` finds it.
const output = path.join(source, "..", "build", "examples");
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts")).map((name) => name.slice(0, -3));
const names = files.filter((name) => path.dirname(name) === ".").sort();
const asked = process.argv[2];
if (asked === undefined || !names.includes(asked)) {
  console.error(`npm run example NAME, where NAME is one of: ${names.join(", ")}`);
  process.exit(1);
}
for (const name of files) {
  const { outputText } = ts.transpileModule(readFileSync(path.join(source, `${name}.ts`), "utf8"), { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } });
  const file = path.join(output, `${name}.js`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, outputText);
}
process.argv.splice(2, 1);
await import(pathToFileURL(path.join(output, `${asked}.js`)).href);
