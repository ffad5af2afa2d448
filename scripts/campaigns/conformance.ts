/** MCP's own conformance suite through every way an agent is hosted and reached: npm run campaign:conformance */

import { examined, type Hosting, mcpDaemon, revisions, shown } from "../../interop/mcp-kit.ts";

const hostings: readonly Hosting[] = ["in-process", "child"];
const distances = [2, 3] as const;

let isGreen = true;
for (const hosting of hostings) {
  for (const nodes of distances) {
    await using undo = new AsyncDisposableStack();
    const third = nodes === 3 ? undo.use(await mcpDaemon()) : undefined;
    const callee = undo.use(await mcpDaemon({ hosting, bootstrap: third?.addresses ?? [] }));
    const caller = undo.use(await mcpDaemon({ bootstrap: (third ?? callee).addresses }));
    await shown(caller, callee);
    for (const revision of revisions) {
      const { exitCode, scored, failed, held, ms } = await examined(caller, callee, revision);
      const passed = scored.filter((name) => failed.get(name)?.length === 0);
      console.log(
        `${revision}  ${hosting.padEnd(10)}  ${nodes} nodes  exit ${exitCode}  ${passed.length} of ${scored.length} scenarios, ${held} checks held, ${ms} ms`,
      );
      for (const [name, checks] of failed) {
        const counts = scored.includes(name) ? "FAILED " : "not counted: ";
        for (const { id, errorMessage = "" } of checks)
          console.log(`  ${counts}${name} ${id} ${errorMessage.split("\n", 1)[0]}`);
      }
      if (exitCode !== 0 || passed.length < scored.length) isGreen = false;
    }
  }
}
if (!isGreen) process.exitCode = 1;
