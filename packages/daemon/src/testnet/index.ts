export type { TestnetIo, TestnetOptions } from "./options.ts";
export { runTestnet } from "./run.ts";
