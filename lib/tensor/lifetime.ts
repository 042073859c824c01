/**
 * Who frees native memory, and when.
 *
 * A tensor made inside `scope()` is freed when the scope ends. Outside any scope the garbage collector frees it, through
 * a FinalizationRegistry; finalizers do not run inside a synchronous loop, but when memory runs out (garbage.ts), so they do
 * not bound memory there: scopes and `dispose()` are the main path, finalizers the net. This file knows handles only, not tensors.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { native, type Handle } from "../native.js";
import { callFrame, frameCapacity } from "./frame-memory.js";
import { handleRegistry } from "./garbage.js";

/** An object that owns a tensor handle; `handle` is 0 once released. */
export interface HandleOwner {
  handle: Handle;
  /** Who frees it: nobody yet (0), the scope that lists it (1), the garbage collector (2), whoever took it from there (3). */
  tracking: number;
}

const IN_SCOPE = 1;
const COLLECTED = 2;
const TAKEN = 3;

const registry = handleRegistry((handle) => native.release(handle));

/** The innermost synchronous scope's list. */
let current: HandleOwner[] | null = null;
const state = new Int32Array(1);
native.setScopeState(state);

function setCurrent(list: HandleOwner[] | null): void {
  current = list;
  state[0] = list === null ? 0 : 1;
}

// `list` is null once the scope has ended: what somebody started in it and did not await may still make tensors.
const asyncScopes = new AsyncLocalStorage<{ list: HandleOwner[] | null }>();
// Looking into an AsyncLocalStorage costs as much as the rest of track(), so only programs that use scopeAsync() pay.
let asyncScopesUsed = false;

/** Hands a new owner to the innermost scope, or to the garbage collector when there is none. */
export function track(owner: HandleOwner): void {
  const list = current ?? (asyncScopesUsed ? asyncScopes.getStore()?.list : undefined);
  if (list !== undefined && list !== null) {
    owner.tracking = IN_SCOPE;
    list.push(owner);
  } else {
    leave(owner);
  }
}

/** From now on the garbage collector frees it. */
function leave(owner: HandleOwner): void {
  if (owner.tracking === IN_SCOPE) native.leaveToCollector(owner.handle);
  owner.tracking = COLLECTED;
  registry.register(owner, owner.handle);
}

/** Frees the handle now. Doing it twice is allowed. */
export function release(owner: HandleOwner): void {
  if (owner.handle === 0) return;
  native.release(owner.handle);
  owner.handle = 0;
}

/** Takes the owner out of every scope: from now on the garbage collector frees it, or `dispose()`. */
export function keepOwner(owner: HandleOwner): void {
  if (owner.tracking === IN_SCOPE && owner.handle !== 0) leave(owner);
}

/**
 * Takes an owner out of the innermost scope: whoever took it frees it, and nobody else does.
 *
 * @returns false where it is none of that scope's, and stays whose it is
 */
export function takeOwner(owner: HandleOwner): boolean {
  // What was made last is what is taken, nearly always.
  if (owner.tracking !== IN_SCOPE || owner.handle === 0 || current === null || current.lastIndexOf(owner) === -1) return false;
  owner.tracking = TAKEN;
  return true;
}

/** Opens a scope and returns what closes it. `survivors` go on to the enclosing scope. */
export function openScope(): (survivors: ReadonlySet<object>) => void {
  const outer = current;
  const mine: HandleOwner[] = [];
  setCurrent(mine);
  return (survivors) => {
    setCurrent(outer);
    closeList(mine, survivors);
  };
}

/** Runs `fn` and what it awaits in no scope: the garbage collector frees what they make, or `dispose()`. */
export function outsideScopes<T>(fn: () => T): T {
  const outer = current;
  setCurrent(null);
  try {
    return asyncScopesUsed ? asyncScopes.exit(fn) : fn();
  } finally {
    setCurrent(outer);
  }
}

/** Runs `fn` so that all owners made in it and in what it awaits are collected in one list, closed by the caller. */
export function runInAsyncScope<T>(fn: () => T): { result: T; close: (survivors: ReadonlySet<object>) => void } {
  asyncScopesUsed = true;
  const list: HandleOwner[] = [];
  const mine: { list: HandleOwner[] | null } = { list };
  const close = (survivors: ReadonlySet<object>): void => {
    mine.list = null;
    closeList(list, survivors);
  };
  const outer = current;
  setCurrent(null);
  try {
    return { result: asyncScopes.run(mine, fn), close };
  } catch (error) {
    close(new Set());
    throw error;
  } finally {
    setCurrent(outer);
  }
}

function closeList(list: HandleOwner[], survivors: ReadonlySet<object>): void {
  const frame = callFrame();
  const capacity = frameCapacity() - 1;
  let count = 0;
  for (const owner of list) {
    if (owner.tracking !== IN_SCOPE || owner.handle === 0) continue;
    if (survivors.has(owner)) {
      track(owner);
      continue;
    }
    frame[1 + count++] = owner.handle;
    owner.handle = 0;
    if (count === capacity) {
      frame[0] = count;
      native.releaseAll();
      count = 0;
    }
  }
  if (count === 0) return;
  frame[0] = count;
  native.releaseAll();
}
