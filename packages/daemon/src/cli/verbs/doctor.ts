import type { Check, CheckGroup } from "../../doctor.ts";
import type { Verb } from "../invocation.ts";
import { table } from "../table.ts";
import { UsageError } from "../usage-error.ts";

const FAILED_EXIT = 7;

export const doctor: Verb = (command, attach) => {
  command.argument("[group]", "one of machine, home, node, network, work");
  attach(command, async (invocation) => {
    const { checkGroups, examine } = await import("../../doctor.ts");
    const [asked] = invocation.args;
    const group = checkGroups.find((name) => name === asked);
    if (asked !== undefined && group === undefined) {
      throw new UsageError(
        `there is no group "${asked}" of checks`,
        `gridmesh doctor ${checkGroups.join("|")}`,
      );
    }
    const all = await examine({
      paths: invocation.paths,
      env: invocation.io.env,
      daemon: await invocation.daemon(),
      wait: invocation.wait,
    });
    const checks = all.filter((check) => group === undefined || check.group === group);
    const shown = checkGroups.flatMap((name) => rowsOf(name, checks));
    invocation.print({ checks }, table(["group", "check", "", "what is seen", "fix"], shown));
    return checks.some((check) => check.state === "failed") ? FAILED_EXIT : 0;
  });
};

/** The group is named once, beside its first check. */
function rowsOf(group: CheckGroup, checks: readonly Check[]): string[][] {
  return checks
    .filter((check) => check.group === group)
    .map(({ name, state, text, fix }, index) => [index === 0 ? group : "", name, state, text, fix ?? ""]);
}
