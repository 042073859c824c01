#!/usr/bin/env node
/** The `dgsam` command. Nothing is imported here but the handlers of signals, which must be there before anything else. */

import "./interruption.js";

const { runProgram } = await import("./program.js");
await runProgram(process.argv.slice(2));
