import type { Check } from "../../doctor.ts";
import type { Verb } from "../invocation.ts";
import { table } from "../table.ts";

const FAILED_EXIT = 7;

export const doctor: Verb = (command, attach) => {
  attach(command, async (invocation) => {
    const { examine } = await import("../../doctor.ts");
    const checks = await examine({
      paths: invocation.paths,
      env: invocation.io.env,
      daemon: await invocation.daemon(),
      wait: invocation.wait,
    });
    invocation.print({ checks }, table(["check", "", "what is seen", "fix"], checks.map(row)));
    return checks.some((check) => check.state === "failed") ? FAILED_EXIT : 0;
  });
};

function row(check: Check): string[] {
  return [check.name, check.state, check.text, check.fix ?? ""];
}
