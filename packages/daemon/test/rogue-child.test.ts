/** A program that does what it likes: nothing of it takes effect. */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { configOf, gridmesh, startedDaemon, temporaryHome } from "./running.ts";

const rogue = fileURLToPath(new URL("children/rogue.ts", import.meta.url));

test("of more than forty forbidden acts of a program in the sandbox none succeeds, and what it may is its own alone", async () => {
  using place = temporaryHome();
  const { home } = place;
  const box = join(home, "box");
  mkdirSync(box);
  const free = `[[agents]]\nname = "free"\ncommand = "node"\nargs = ["${rogue}"]\n`;
  const row = { name: "rogue", command: "node", args: [rogue], cwd: box, sandbox: "node-permission" };
  const more = `control.listen = "127.0.0.1:0"\n[[agents]]\n${Object.entries(row)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join("")}${free}`;
  const config = configOf({ network: "rogue", agent: "victim", more });
  await using daemon = await startedDaemon(home, { config });
  const made = await gridmesh(home, "token", "add", "gone", "--scope", "agent", "--json");
  const { token: deadToken } = JSON.parse(made.stdout) as { token: string };
  await gridmesh(home, "token", "rm", "gone");
  const operator = readFileSync(join(home, "control.token"), "utf8");
  const facts = { home, pid: daemon.node.pid, gateway: daemon.node.gateway, deadToken };
  const ask = async (given: object, agent = "rogue"): Promise<string> => {
    const params = { name: "act", arguments: { ...given } };
    const result = await daemon.client.call(`local:${agent}/tools/call`, params, { timeoutMs: 20_000 });
    return (result as { content: { text: string }[] }).content[0]?.text ?? "";
  };

  const acts = (await ask({})).split("\n");
  assert.ok(acts.length >= 40, `${acts.length} acts`);
  const did: string[] = [];
  for (const act of acts) if ((await ask({ act, facts })) !== "refused") did.push(act);
  assert.deepEqual(did, []);
  // Outside of the sandbox a program is its user: what it is kept from there is the sandbox's doing.
  for (const act of ["read the settings", "open the control socket", "start a program"]) {
    assert.equal(await ask({ act, facts }, "free"), "did", act);
  }

  const helper = {
    command: "node",
    args: [rogue],
    cwd: box,
    sandbox: "node-permission",
    may: ["local:victim"],
  };
  await daemon.client.addAgent({ name: "helper", source: helper, access: "private" }, { timeoutMs: 20_000 });
  assert.equal(await ask({ act: "call a private agent with its own token", facts }, "helper"), "did");
  for (const act of [
    "call another private agent with its own token",
    "use the control API with its own token",
  ]) {
    assert.equal(await ask({ act, facts }, "helper"), "refused", act);
  }
  const token = await ask({ act: "token" }, "helper");
  await daemon.client.removeAgent("helper");
  const late = await ask({ act: "call it with a dead token", facts: { ...facts, deadToken: token } });
  assert.equal(late, "refused");

  const [flooded, others] = await Promise.all([
    ask({ act: "flood", facts }),
    daemon.client.call("local:victim/tools/call", { name: "echo", arguments: { text: "mine" } }),
  ]);
  assert.equal(flooded, "refused");
  assert.match(JSON.stringify(others), /mine/);
  const names = (await daemon.client.agents()).map(({ name }) => name).toSorted();
  assert.deepEqual(names, ["free", "rogue", "victim"]);
  assert.equal(readFileSync(join(home, "config.toml"), "utf8"), config);
  assert.equal(readFileSync(join(home, "control.token"), "utf8"), operator);
  assert.equal((await daemon.client.node()).pid, daemon.node.pid);
});
