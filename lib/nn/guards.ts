/**
 * What captured functions hold of modules: the fields of every module that takes part, so that a layer that is switched to
 * evaluation, frozen, or given another parameter is noticed.
 *
 * Which modules take part is found when a function has been recorded: those whose tensors it uses, and all that hang together
 * with them; and those that have no tensors and are in no other module, such as a Dropout of its own, since they may.
 */

import { isPlainObject } from "../checks.js";
import { Tensor } from "../tensor/index.js";
import type { Guard } from "../tensor/internal.js";

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

  /** The guards of a function; `uses` tells which of some tensors it uses. */
  guards(uses: (tensors: readonly Tensor[]) => readonly boolean[]): Guard[] {
    const modules = [...this.references].flatMap((reference) => reference.deref() ?? []);
    const members = new Map(modules.map((module) => [module, this.membersOf(module)]));
    const tensors = modules.flatMap((module) => members.get(module)!.filter((each): each is Tensor => each instanceof Tensor && !each.disposed));
    const flags = uses(tensors);
    const used = new Set(tensors.filter((_, i) => flags[i]));
    const childrenOf = (module: M): M[] => members.get(module)!.filter((each): each is M => !(each instanceof Tensor) && members.has(each));
    const parents = new Map<M, M[]>();
    for (const module of modules) for (const child of childrenOf(module)) parents.set(child, [...(parents.get(child) ?? []), module]);
    const withTensors = modules.filter((module) => members.get(module)!.some((each) => each instanceof Tensor && used.has(each)));
    const tops = reach(withTensors, (module) => parents.get(module) ?? []);
    const alone = modules.filter((module) => members.get(module)!.length === 0 && !parents.has(module));
    return [...reach([...tops, ...alone], childrenOf)].flatMap((module) => guardsOf(module));
  }
}

/** All that can be reached from some. */
function reach<M>(from: readonly M[], next: (module: M) => readonly M[]): Set<M> {
  const reached = new Set(from);
  for (const module of reached) for (const each of next(module)) reached.add(each);
  return reached;
}

/** Every field of an object; of arrays and plain objects in them their elements, too. */
function guardsOf(owner: object): Guard[] {
  const guards: Guard[] = [];
  const open = new Set<object>();
  const visit = (object: object): void => {
    if (open.has(object)) return;
    open.add(object);
    if (Array.isArray(object)) guards.push({ owner: object, key: "length", value: object.length });
    for (const [key, value] of Object.entries(object)) {
      guards.push({ owner: object, key, value });
      if (Array.isArray(value) || isPlainObject(value)) visit(value);
    }
  };
  visit(owner);
  return guards;
}
