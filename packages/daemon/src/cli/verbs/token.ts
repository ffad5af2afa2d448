import { addToken, listTokens, removeToken, scopes, type TokenScope } from "../../gateway/guard-tokens.ts";
import { makeHome } from "../../home.ts";
import { ProtocolError } from "@gridmesh/protocol";
import { nearest } from "../../nearest.ts";
import type { Verb } from "../invocation.ts";
import { table } from "../table.ts";
import { UsageError } from "../usage-error.ts";

export const token: Verb = (command, attach) => {
  const add = command
    .command("add")
    .summary("make a token; it is shown once")
    .argument("<name>", "what it is called in rules and logs")
    .requiredOption("--scope <scope>", "read, agent or admin")
    .option("--agents <glob>", "agents it reaches, by name or <node>:<name>", "*");
  attach(add, async (invocation) => {
    const { args, options, paths } = invocation;
    const [name = ""] = args;
    makeHome(paths);
    const scope = scopeOf(String(options["scope"]));
    const secret = addToken(paths.home, { name, scope, agents: String(options["agents"]) });
    invocation.print({ token: secret, name, scope }, `${secret}\n`);
    return 0;
  });

  const ls = command.command("ls", { isDefault: true }).summary("named tokens, without their secrets");
  attach(ls, async (invocation) => {
    const { paths } = invocation;
    const tokens = listTokens(paths.home);
    const rows = tokens.map(({ name, scope, agents }) => [name, scope, agents]);
    invocation.print(
      { tokens },
      tokens.length === 0 ? "no tokens\n" : table(["token", "scope", "agents"], rows),
    );
    return 0;
  });

  const rm = command.command("rm").summary("take a token back").argument("<name>");
  attach(rm, async (invocation) => {
    const { args, paths } = invocation;
    const [name = ""] = args;
    if (!removeToken(paths.home, name))
      throw new ProtocolError("INVALID_PARAMS", `there is no token ${name}`);
    invocation.print({ name }, `token ${name} is nobody's now\n`);
    return 0;
  });
};

/** @throws UsageError */
function scopeOf(text: string): TokenScope {
  const scope = scopes.find((known) => known === text);
  if (scope !== undefined) return scope;
  const near = nearest(text, scopes);
  throw new UsageError(
    `"${text}" is no scope${near === undefined ? "" : `. Did you mean ${near}?`}`,
    scopes.join(", "),
  );
}
