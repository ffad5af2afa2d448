import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { build } from "esbuild";

test("the package bundles for a browser", async () => {
  const { outputFiles, errors, metafile } = await build({
    entryPoints: [fileURLToPath(new URL("../src/index.ts", import.meta.url))],
    bundle: true,
    platform: "browser",
    format: "esm",
    conditions: ["gridmesh-source"],
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  assert.deepEqual(errors, []);
  assert.ok((outputFiles[0]?.text.length ?? 0) > 10_000);
  const outside = Object.values(metafile.outputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external),
  );
  assert.deepEqual(outside, []);
});
