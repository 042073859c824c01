/**
 * What captured functions hold of modules: the fields of every module that takes part, so that a layer that is switched to
 * evaluation, frozen, or given another parameter is noticed.
 *
 * Those take part whose `forward` the function calls or whose tensors it uses, and all that hang together with them.
 */

import { isPlainObject } from "../checks.js";
import { Tensor } from "../tensor/index.js";
import { isUnchanged, type Guard, type Watch } from "../tensor/internal.js";

/** A longer array is data. Only its length is looked at. */
const LONGEST = 256;

type Forward = (...inputs: unknown[]) => unknown;

/** The modules that there are, held weakly. */
export class LiveModules<M extends object> {
  private readonly references = new Set<WeakRef<M>>();
  private readonly registry = new FinalizationRegistry<WeakRef<M>>((reference) => this.references.delete(reference));

  /** @param membersOf the tensors and modules in a module's own fields */
  constructor(private readonly membersOf: (module: M) => readonly (Tensor | M)[]) {}

  add(module: M): void {
    const reference = new WeakRef(module);
    this.references.add(reference);
    this.registry.register(module, reference);
  }

  /** Looks at all modules while a function is recorded. */
  watch(): Watch {
    const modules = [...this.references].flatMap((reference) => reference.deref() ?? []);
    const known = new Set<object>(modules);
    const fields = new Map(modules.map((module) => [module, guardsOf(module, known)]));
    const calls = new ForwardCalls(modules);
    const changedField = (module: M): string[] => {
      const changed = fields.get(module)!.find((guard) => !isUnchanged(guard));
      return changed === undefined ? [] : [`it changes ${changed.kind === "count" ? "which fields there are" : `the field ${String(changed.key)}`} of a ${module.constructor.name}`];
    };
    return {
      changed: () => modules.flatMap(changedField)[0] ?? null,
      guards: (uses) => [...this.partakers(modules, uses, calls.called)].flatMap((module) => fields.get(module) ?? []),
      end: () => calls.end(),
    };
  }

  private partakers(modules: readonly M[], uses: (tensors: readonly Tensor[]) => readonly boolean[], called: ReadonlySet<object>): Set<M> {
    const members = new Map(modules.map((module) => [module, this.membersOf(module)]));
    const tensors = modules.flatMap((module) => members.get(module)!.filter((each): each is Tensor => each instanceof Tensor && !each.disposed));
    const flags = uses(tensors);
    const used = new Set<object>(tensors.filter((_, i) => flags[i]));
    const childrenOf = (module: M): M[] => members.get(module)!.filter((each): each is M => !(each instanceof Tensor) && members.has(each));
    const parents = new Map<M, M[]>();
    for (const module of modules) for (const child of childrenOf(module)) parents.set(child, [...(parents.get(child) ?? []), module]);
    const found = modules.filter((module) => called.has(module) || members.get(module)!.some((each) => used.has(each)));
    return reach([...reach(found, (module) => parents.get(module) ?? [])], childrenOf);
  }
}

/** All that can be reached from some. */
function reach<M>(from: readonly M[], next: (module: M) => readonly M[]): Set<M> {
  const reached = new Set(from);
  for (const module of reached) for (const each of next(module)) reached.add(each);
  return reached;
}

/** Notes on which modules `forward` is called, by standing in for it until the end. */
class ForwardCalls {
  readonly called = new Set<object>();
  private readonly replaced: { owner: object; forward: PropertyDescriptor }[] = [];

  constructor(modules: readonly object[]) {
    const seen = new Set<object>();
    for (const module of modules)
      for (let owner: object | null = Object.getPrototypeOf(module) as object | null; owner !== null && !seen.has(owner); owner = Object.getPrototypeOf(owner) as object | null) {
        seen.add(owner);
        this.replace(owner);
      }
  }

  private replace(owner: object): void {
    const forward = Object.getOwnPropertyDescriptor(owner, "forward");
    if (typeof forward?.value !== "function" || forward.configurable !== true) return;
    const { called } = this;
    const original = forward.value as Forward;
    const noting = function (this: object, ...inputs: unknown[]): unknown {
      called.add(this);
      return original.apply(this, inputs);
    };
    Object.defineProperty(owner, "forward", { ...forward, value: noting });
    this.replaced.push({ owner, forward });
  }

  end(): void {
    for (const { owner, forward } of this.replaced) Object.defineProperty(owner, "forward", forward);
  }
}

/**
 * Every field of a module; of arrays, Maps and plain objects in them their elements, too, of other objects their own fields.
 *
 * @param modules have guards of their own
 */
function guardsOf(owner: object, modules: ReadonlySet<object>): Guard[] {
  const guards: Guard[] = [];
  const seen = new Set<object>();
  const isContainer = (value: unknown): value is object => Array.isArray(value) || value instanceof Map || isPlainObject(value);
  const isOther = (value: unknown): value is object => typeof value === "object" && value !== null && !(value instanceof Tensor) && !ArrayBuffer.isView(value) && !modules.has(value);
  const visit = (object: object, deep: boolean): void => {
    if (seen.has(object)) return;
    seen.add(object);
    if (object instanceof Map || object instanceof Set) guards.push({ owner: object, kind: "field", key: "size", value: object.size });
    if (object instanceof Map) {
      for (const [key, value] of object) look("entry", object, key, value, deep);
      return;
    }
    if (Array.isArray(object)) guards.push({ owner: object, kind: "field", key: "length", value: object.length });
    if (Array.isArray(object) && object.length > LONGEST) return;
    guards.push({ owner: object, kind: "count", key: "", value: Object.keys(object).length });
    for (const [key, value] of Object.entries(object)) look("field", object, key, value, deep);
  };
  const look = (kind: "field" | "entry", object: object, key: unknown, value: unknown, deep: boolean): void => {
    guards.push({ owner: object, kind, key, value });
    if (isContainer(value)) visit(value, deep);
    // What hangs on it may be anything, a data set, and is not followed.
    else if (deep && isOther(value)) visit(value, false);
  };
  visit(owner, true);
  return guards;
}
