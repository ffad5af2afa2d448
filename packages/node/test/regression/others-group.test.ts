import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { systemProcesses } from "../../src/host/processes.ts";

const onLinux = process.platform === "linux" ? false : "there is no /proc here";

test(
  "a stranger's group that got a lost child's id is not taken for its remains",
  { skip: onLinux },
  async (t) => {
    const processes = systemProcesses();
    // A shell's job whose leader has ended: its group stays while the rest of the job runs.
    const shell = spawn("bash", [
      "-c",
      "set -m; sh -c 'echo $$; sleep 60 >/dev/null & exit 0' & wait; sleep 60",
    ]);
    const [told] = (await once(shell.stdout, "data")) as [Buffer];
    const leader = Number(String(told).trim());
    t.after(() => {
      process.kill(-leader, "SIGKILL");
      shell.kill("SIGKILL");
    });
    while (processes.startTime(leader) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    process.kill(-leader, 0);
    const boot = (processes.startTime(process.pid) ?? "").split("/")[0];
    assert.equal(processes.isLeft(leader, `${boot}/1`), false);
  },
);
