export { runTestnet } from "./run.ts";
