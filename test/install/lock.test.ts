/** Two installs at once once left a cache with half of each; a lock file left by a killed one would block the next for ever. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { withLock } from "../../install/lock.mjs";
import { asUnknownUser } from "./fakes.js";

const module = new URL("../../install/lock.mjs", import.meta.url).href;

/** A process that takes the lock, says so, and holds it until its standard input ends. */
async function holder(name: string, abstract: boolean): Promise<ChildProcess> {
  const script = `
    const { withLock } = await import(${JSON.stringify(module)});
    await withLock(${JSON.stringify(name)}, async () => {
      console.log("held");
      await new Promise((resolve) => process.stdin.resume().on("end", resolve));
    }, { abstract: ${abstract} });`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout!, "data");
  return child;
}

it("can be taken by a user without a name, as in docker run --user 12345", async () => {
  const script = `
    const { withLock } = await import(${JSON.stringify(module)});
    console.log(await withLock("name", async () => "done"));`;
  const stdout = asUnknownUser(script);
  if (stdout !== null) expect(stdout).toBe("done\n");
});

describe.each([["Linux's sockets without a file", true], ["sockets in the temporary folder", false]])("with %s", (_, abstract) => {
  it("runs pieces of work one after the other, and each result reaches its caller", async () => {
    const name = randomUUID();
    const events: string[] = [];
    const work = (id: string) => withLock(name, async () => {
      events.push(`${id} in`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      events.push(`${id} out`);
      return id;
    }, { abstract });
    expect(await Promise.all(["a", "b", "c"].map(work))).toEqual(["a", "b", "c"]);
    for (let i = 0; i < 6; i += 2) expect(events[i + 1]).toBe(events[i]!.replace("in", "out"));
  });

  it("does not hold up work under another name", async () => {
    await withLock(randomUUID(), () => withLock(randomUUID(), async () => {}, { abstract }), { abstract });
  });

  it("is free again after work that threw, and passes the error on", async () => {
    const name = randomUUID();
    await expect(withLock(name, async () => { throw new Error("broken"); }, { abstract })).rejects.toThrow("broken");
    expect(await withLock(name, async () => "free", { abstract })).toBe("free");
  });

  it("waits for another process, says so once, and goes on when that ends", async () => {
    const name = randomUUID();
    const child = await holder(name, abstract);
    let waits = 0;
    let entered = false;
    const mine = withLock(name, async () => { entered = true; }, { abstract, onWait: () => waits++ });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([waits, entered]).toEqual([1, false]);
    child.stdin!.end();
    await mine;
    expect([waits, entered]).toEqual([1, true]);
  });

  it("is free after its holder was killed", async () => {
    const name = randomUUID();
    const child = await holder(name, abstract);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await withLock(name, async () => "free", { abstract })).toBe("free");
  });
});
