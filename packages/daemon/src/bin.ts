import { run } from "./cli/index.ts";

/** A socket that will not close must not keep the shell waiting. */
const LINGER_MS = 1_000;

// Set, not called: a pending write to a pipe is finished first.
process.exitCode = await run(process.argv.slice(2));
setTimeout(() => process.exit(), LINGER_MS).unref();
