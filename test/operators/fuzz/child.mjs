/**
 * The process that may die: calls overloads with bad arguments, from where the parent says, and notes before each call
 * which one it is.
 *
 *   node child.mjs '{"operators":[...],"trials":50,"seed":"1","progress":"FILE","start":[0,0],"describe":false}'
 */

import { openSync, writeSync } from "node:fs";
import { DgsamError, manualSeed, noGrad, operatorSchemas, ops, scope } from "dgsam";
import { goodCalls } from "./good-calls.mjs";
import { describe, Random, theme, value } from "./values.mjs";

const task = JSON.parse(process.argv[2]);
const good = task.recording === undefined ? new Map() : goodCalls(task.recording);

function schemaOf(name) {
  const [namespace, rest] = name.split("::");
  return operatorSchemas(namespace, rest.split(".", 1)[0]).find((each) => each.name === name);
}

/** Arguments from nothing, or a good call with some of its arguments replaced. */
function makeArguments(schema, random) {
  const common = theme(random);
  const model = random.chance(0.7) ? random.pick(good.get(schema.name) ?? [undefined]) : undefined;
  const base = model?.(schema.arguments.map((each) => each.name)) ?? {};
  const bad = new Set(model === undefined ? [] : Array.from({ length: 1 + random.below(3) }, () => random.below(schema.arguments.length)));
  const args = [];
  const keywords = {};
  for (const [index, argument] of schema.arguments.entries()) {
    let made = base[argument.name];
    if (model === undefined ? !(argument.hasDefault && random.chance(0.5)) : bad.has(index)) made = value(random, argument.type, common);
    if (argument.keywordOnly) {
      if (made !== undefined) keywords[argument.name] = made;
    } else {
      args.push(made);
    }
  }
  // An alias of another argument is a bad argument of its own kind.
  if (random.chance(0.05) && args.length > 1) args[args.length - 1] = args[0];
  return Object.keys(keywords).length > 0 ? [...args, keywords] : args;
}

function call(schema, trial) {
  scope(() => {
    const random = new Random(`${task.seed} ${schema.name} ${trial}`);
    manualSeed(trial);
    const args = makeArguments(schema, random);
    if (task.describe) {
      console.log(args.map(describe).join(", "));
      return;
    }
    if (task.dieAt?.[0] === schema.name && task.dieAt[1] === trial) process.kill(process.pid, "SIGSEGV");
    const [namespace, name] = schema.name.split("::");
    try {
      if (random.chance(0.5)) noGrad(() => void ops[namespace][name](...args));
      else ops[namespace][name](...args);
    } catch (error) {
      if (!(error instanceof DgsamError)) throw error;
    }
  });
}

const progress = task.progress === undefined ? undefined : openSync(task.progress, "r+");
const position = new Float64Array(2);
const [firstOperator, firstTrial] = task.start ?? [0, 0];
for (let index = firstOperator; index < task.operators.length; index++) {
  const schema = schemaOf(task.operators[index]);
  for (let trial = index === firstOperator ? firstTrial : 0; trial < task.trials; trial++) {
    position[0] = index;
    position[1] = trial;
    if (progress !== undefined) writeSync(progress, position, 0, 16, 0);
    call(schema, trial);
  }
}
