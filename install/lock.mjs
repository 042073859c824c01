/**
 * A lock between processes of one machine, for work that two installs should not do at once.
 *
 * The lock is a listening socket: the kernel frees it when its holder ends, however it ends, so a killed install never
 * blocks the next one as a lock file would. It only saves double work: what must be right without it (other machines that
 * share the folder) is made right by renaming finished folders into place.
 */

import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";

/**
 * Runs `work` while no other process holds the lock of this name.
 * @template T
 * @param {string} name what is locked, for instance a folder
 * @param {() => Promise<T>} work
 * @param {{ onWait?: () => void, signal?: AbortSignal | undefined, abstract?: boolean }} [options] `onWait` is called once when another process holds
 * the lock; `signal` ends the waiting, with its reason; `abstract` false takes the form of the lock that systems other than Linux need
 * @returns {Promise<T>}
 */
export async function withLock(name, work, { onWait = () => {}, signal, abstract = process.platform === "linux" } = {}) {
  const id = `dgsam-${createHash("sha256").update(`${process.getuid?.() ?? ""}:${name}`).digest("hex").slice(0, 24)}`;
  // Linux has sockets without a file; elsewhere a killed holder leaves its file behind.
  const address = abstract ? `\0${id}` : path.join(os.tmpdir(), `${id}.sock`);
  let server = await listen(address);
  for (let waited = false; server === null; server = await listen(address)) {
    const state = await untilReleased(address, () => {
      if (!waited) onWait();
      waited = true;
    }, signal);
    signal?.throwIfAborted();
    if (state === "abandoned" && !abstract) rmSync(address, { force: true });
  }
  try {
    return await work();
  } finally {
    await close(server);
  }
}

/** The connections of those who wait, by server: they are told of the release by losing them. @type {WeakMap<net.Server, Set<net.Socket>>} */
const waiters = new WeakMap();

/**
 * @param {string} address
 * @returns {Promise<net.Server | null>} null when another process listens there
 */
function listen(address) {
  return new Promise((resolve, reject) => {
    /** @type {Set<net.Socket>} */
    const sockets = new Set();
    const server = net.createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => sockets.delete(socket));
      socket.unref();
    });
    waiters.set(server, sockets);
    server.once("error", (error) => {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === "EADDRINUSE") resolve(null);
      else reject(error);
    });
    // Unreferenced: a lock alone must not keep a process alive.
    server.listen(address, () => resolve(server)).unref();
  });
}

/** @param {net.Server} server */
function close(server) {
  return new Promise((resolve) => {
    server.close(() => resolve(undefined));
    for (const socket of waiters.get(server) ?? []) socket.destroy();
  });
}

/**
 * @param {string} address
 * @param {() => void} onHeld called when the holder answers
 * @param {AbortSignal | undefined} signal ends the waiting
 * @returns {Promise<"released" | "abandoned">}
 */
function untilReleased(address, onHeld, signal) {
  return new Promise((resolve) => {
    let held = false;
    const socket = net.connect(address);
    socket.on("connect", () => {
      held = true;
      onHeld();
    });
    socket.on("error", () => {});
    const abort = () => socket.destroy();
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort);
    socket.on("close", () => {
      signal?.removeEventListener("abort", abort);
      resolve(held ? "released" : "abandoned");
    });
    socket.resume();
  });
}
