import { run } from "./cli/index.ts";

// Set, not called: a pending write to a pipe is finished first.
process.exitCode = await run(process.argv.slice(2));
