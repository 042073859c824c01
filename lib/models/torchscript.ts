/**
 * TorchScript: models that torch.jit.script or torch.jit.trace made, with their code, in one file of torch.jit.save.
 *
 * The code runs in LibTorch's interpreter, call by call: without the fusions that Python's executor may put in, so that eager and
 * captured steps come to the same bits. Loading compiles what the file holds and `forward` runs it: load files that you trust only.
 */

import { checkString, withDefaults } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import type { NativeScriptModule } from "../native.js";
import { adopt } from "../nn/parameter.js";
import { MEMBERS } from "../nn/fields.js";
import { Module } from "../nn/index.js";
import { fromBytes, keep, scope, Tensor, type Device } from "../tensor/index.js";
import { Script } from "../tensor/internal.js";
import { Bytes, withInputFile, type ByteSource } from "../weights/input-file.js";
import { malformed, quoted } from "../weights/malformed.js";
import { isZip, ZipReader } from "../weights/zip-reader.js";
import { DgsamWarning } from "../warnings.js";

/** What goes into a script and comes out of it. */
export type ScriptValue = Tensor | number | bigint | boolean | string | null | readonly ScriptValue[] | { readonly [key: string]: ScriptValue } | ReadonlyMap<ScriptValue, ScriptValue>;

export interface LoadTorchScriptOptions {
  /** Where parameters and buffers are put, wherever they were when the script was saved. Default `"cpu"`. */
  device?: Device;
}

/** Passes every mode on to the script before it runs. */
interface Tree {
  readonly script: Script;
  readonly modules: ScriptModule[];
  /** What the script was last told of each module: {@link modeOf}. */
  readonly modes: string[];
}

/**
 * A module of a TorchScript file, {@link loadTorchScript} makes it. It is a {@link Module} as any other: its parameters and buffers are
 * those that the script works on, state-dict keys are the script's, `train()`, `eval()`, `to()` and `setRunningStats()` reach the
 * script, also on the modules in it ({@link namedModules}), which are ScriptModules, too.
 *
 * What tracing fixed stays fixed: a traced network has the mode it was traced in.
 */
export class ScriptModule extends Module {
  /** The name of its class in Python. */
  readonly originalName: string;
  readonly #place: number;
  readonly #tree: Tree;
  readonly #members: ReadonlyMap<string, Tensor | ScriptModule>;
  readonly #frozen: boolean;

  /** @internal Use {@link loadTorchScript}. */
  constructor(place: number, description: NativeScriptModule, members: ReadonlyMap<string, Tensor | ScriptModule>, tree: Tree) {
    super();
    this.originalName = description.type;
    this.training = description.training;
    this.#place = place;
    this.#members = members;
    this.#tree = tree;
    this.#frozen = place === 0 && !description.hasMode && description.parameters.length === 0 && description.children.length === 0;
  }

  /** @internal */
  [MEMBERS](): [string, Tensor | ScriptModule][] {
    return [...this.#members];
  }

  /**
   * Sets the mode, as every module's. A script that torch.jit.freeze went over has constants in the place of parameters and the
   * evaluation's behaviour built in: it warns (`WARN_FROZEN`) that there is nothing to train.
   *
   * @throws DgsamError `ERR_ARGUMENT`
   */
  override train(mode = true): this {
    super.train(mode);
    if (mode && this.#frozen)
      process.emitWarning(new DgsamWarning("WARN_FROZEN", `the script ${this.originalName} was frozen by torch.jit.freeze: it has no parameters and no training mode; save it without freezing to train it`));
    return this;
  }

  /**
   * Runs the script's forward. Arguments and results are tensors, numbers, bigints, booleans, strings, null, and arrays (lists and
   * tuples) and plain objects or Maps (dicts) of them.
   *
   * @throws DgsamError `ERR_ARGUMENT` when inputs do not fit forward's arguments; what the operators and the script itself raise:
   *   `cause` has the lines of the script
   */
  // The result is what the script's author knows it to be.
  forward<Result = Tensor>(...inputs: ScriptValue[]): Result {
    const { script, modules, modes } = this.#tree;
    for (const [place, module] of modules.entries()) {
      const mode = modeOf(module);
      if (modes[place] === mode) continue;
      script.setMode(place, { training: module.training, holds: module.runningStats === "hold" });
      modes[place] = mode;
    }
    return script.run(this.#place, inputs) as Result;
  }

  /** Frees the script with all parameters and buffers, of the whole file's. Any later use is an `ERR_DISPOSED`; calling it again does nothing. */
  override dispose(): void {
    const { script, modules } = this.#tree;
    for (const module of modules) for (const member of module.#members.values()) if (member instanceof Tensor) member.dispose();
    script.dispose();
  }
}

function modeOf({ training, runningStats }: ScriptModule): string {
  return `${training} ${runningStats}`;
}

/**
 * Loads a file of `torch.jit.save` (`ScriptModule.save`), or its bytes, as a module that can be trained.
 *
 * Its code is compiled and run in this process: load files that you trust only.
 *
 * @throws DgsamError `ERR_DATA` when there is no such file, it is no TorchScript archive or is damaged, or the code uses an operator that
 *   LibTorch lacks, such as `torchvision::nms`; `ERR_DEVICE`, `ERR_OOM`, `ERR_ARGUMENT`
 * @see torch.jit.load
 */
export function loadTorchScript(source: string | Uint8Array, options: LoadTorchScriptOptions = {}): ScriptModule {
  const { device } = withDefaults<Required<LoadTorchScriptOptions>>("loadTorchScript", options, { device: "cpu" });
  checkString("loadTorchScript: device", device);
  if (typeof source === "string") return scope(() => withInputFile(source, (file) => load(source, file, () => file.map(), device)));
  if (!(source instanceof Uint8Array)) throw argumentError("loadTorchScript(source)", "the path of a file, or its bytes as a Uint8Array", source);
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  return scope(() => load("loadTorchScript(bytes)", new Bytes("loadTorchScript(bytes)", bytes), () => fromBytes(bytes), device));
}

function load(name: string, file: ByteSource, bytesOf: () => Tensor, device: Device): ScriptModule {
  checkArchive(name, file);
  let script: Script;
  try {
    script = new Script(bytesOf(), device);
  } catch (cause) {
    if (!(cause instanceof DgsamError) || ["ERR_OOM", "ERR_DEVICE"].includes(cause.code)) throw cause;
    throw malformed(name, `cannot be loaded as TorchScript: ${explain(cause.message)}`, cause);
  }
  return makeModules(script);
}

/** LibTorch's reader trusts much of what an archive says: what can be checked without it is checked first. */
function checkArchive(name: string, file: ByteSource): void {
  if (!isZip(file)) throw malformed(name, "no TorchScript archive: expected a file of torch.jit.save, a zip archive");
  const archive = new ZipReader(name, file, 2 ** 30);
  const names = archive.names();
  const folder = names[0]?.split("/")[0] ?? "";
  const has = (entry: string): boolean => archive.has(`${folder}/${entry}`);
  const hasCode = names.some((each) => each.startsWith(`${folder}/code/`));
  if (has("data.pkl") && !hasCode && !has("constants.pkl")) throw malformed(name, "no TorchScript archive, but a file of torch.save; read its weights by loadWeights(path)");
  if (!has("data.pkl") || !has("constants.pkl") || !hasCode) throw malformed(name, `no TorchScript archive: it lacks ${quoted("data.pkl")}, ${quoted("constants.pkl")} or code`);
  // Compares the checksums.
  for (const each of names) if (!each.endsWith("/")) archive.open(each);
}

/** The first line of LibTorch's text that says something. */
function explain(message: string): string {
  const text = message.replace(/^loadTorchScript: /, "");
  const operator = /Unknown builtin op: ([\w:]+)/.exec(text)?.[1];
  if (operator !== undefined) return `it uses the operator ${operator}, which LibTorch does not have; export the model without it`;
  return text.split("\n").map((line) => line.trim()).find((line) => line !== "") ?? text;
}

function makeModules(script: Script): ScriptModule {
  const tree: Tree = { script, modules: [], modes: [] };
  const tensors = new Map<number, Tensor>();
  const tensorOf = (handle: number, use: (tensor: Tensor) => void): Tensor => {
    const known = tensors.get(handle);
    if (known !== undefined) return known;
    const made = new Tensor(handle);
    use(made);
    tensors.set(handle, made);
    return made;
  };
  const descriptions = script.modules();
  const members = descriptions.map(({ parameters, buffers }) => new Map<string, Tensor | ScriptModule>([
    ...parameters.map(([key, handle]) => [key, tensorOf(handle, adopt)] as const),
    ...buffers.map(([key, handle]) => [key, tensorOf(handle, keep)] as const),
  ]));
  for (const [place, description] of descriptions.entries()) tree.modules.push(new ScriptModule(place, description, members[place]!, tree));
  tree.modes.push(...tree.modules.map(modeOf));
  // Modules may be in several others, and come before those that they are in.
  for (const [place, { children }] of descriptions.entries()) for (const [key, child] of children) members[place]!.set(key, tree.modules[child]!);
  return tree.modules[0]!;
}
