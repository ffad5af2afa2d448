import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const EXAMPLES = resolve(dirname(fileURLToPath(import.meta.url)), "..", "examples");

for (const name of readdirSync(EXAMPLES).filter((file) => file.endsWith(".ts"))) {
  test(`examples/${name} keeps its own promise`, async () => {
    await import(pathToFileURL(join(EXAMPLES, name)).href);
  });
}
