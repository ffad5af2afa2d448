import type { Io } from "../src/cli/io.ts";

export interface MemoryIo extends Io {
  stdout(): string;
  stderr(): string;
}

/** Streams a test can read. */
export function memoryIo(env: Readonly<Record<string, string>> = {}, input = ""): MemoryIo {
  let out = "";
  let err = "";
  return {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    env,
    isTty: false,
    readInput: async () => input,
    stdout: () => out,
    stderr: () => err,
  };
}
