import { run } from "./cli/index.ts";

/** A socket that will not close must not keep the shell waiting. */
const LINGER_MS = 1_000;

void run(process.argv.slice(2)).then((code) => {
  // Set, not called: a pending write to a pipe is finished first.
  process.exitCode = code;
  setTimeout(() => process.exit(), LINGER_MS).unref();
});
