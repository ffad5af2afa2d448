import type { BanView } from "../../control/types.ts";
import type { Verb } from "../invocation.ts";
import { table } from "../table.ts";

export const bans: Verb = (command, attach) => {
  const ls = command.command("ls", { isDefault: true }).summary("whom this node turns away");
  attach(ls, async (invocation) => {
    const found = await (await invocation.daemon()).bans(invocation.wait);
    invocation.print({ bans: found }, found.length === 0 ? "nobody is banned\n" : banTable(found));
    return 0;
  });

  const lift = command
    .command("lift")
    .summary("end a ban")
    .argument("<subject>", "as gridmesh bans ls has it");
  attach(lift, async (invocation) => {
    const [subject = ""] = invocation.args;
    await (await invocation.daemon()).liftBan(subject, invocation.wait);
    invocation.print({ subject, lifted: true }, `${subject} is welcome again\n`);
    return 0;
  });
};

/** Subjects whole: they are what `lift` takes. */
function banTable(found: readonly BanView[]): string {
  return table(
    ["subject", "kind", "for", "until", "by"],
    found.map(({ subject, kind, code, untilMs, by }) => [
      subject,
      kind,
      code,
      new Date(untilMs).toISOString(),
      by,
    ]),
  );
}
