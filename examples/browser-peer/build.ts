/**
 * Bundles the page and serves it on loopback.
 * Run: node --conditions=gridmesh-source examples/browser-peer/build.ts [port]
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Plugin } from "esbuild";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export interface Bundle {
  readonly script: Uint8Array;
  readonly gzipBytes: number;
}

/** Functions that no page calls, by file: each is an empty one in the bundle. */
const UNCALLED: readonly (readonly [RegExp, RegExp])[] = [
  // A page has no registry of metrics.
  [/gossipsub\/dist\/src\/metrics\.js$/, /^export function getMetrics\b[^]*?^\}/mu],
  // Nor does it write down a schema.
  [/zod\/v4\/core\/json-schema-processors\.js$/, /^export const \w+Processor = [^]*?^\};/gmu],
];

const leftOut: Plugin = {
  name: "left-out",
  setup(bundling) {
    for (const [filter, pattern] of UNCALLED) {
      bundling.onLoad({ filter }, ({ path }) => ({
        contents: readFileSync(path, "utf8").replace(pattern, (text) => {
          const [, kind, name] = /^export (function|const) (\w+)/u.exec(text) ?? [];
          return kind === "function" ? `export function ${name}() {}` : `export const ${name} = () => {};`;
        }),
      }));
    }
  },
};

export async function bundlePage(): Promise<Bundle> {
  const { outputFiles } = await build({
    entryPoints: [here("page.ts")],
    bundle: true,
    minify: true,
    platform: "browser",
    conditions: ["gridmesh-source"],
    format: "esm",
    target: "esnext",
    legalComments: "none",
    write: false,
    plugins: [leftOut],
  });
  const script = outputFiles[0]?.contents ?? new Uint8Array();
  return { script, gzipBytes: gzipSync(script, { level: 9 }).length };
}

/** Its URL; the port is any free one by default. */
export async function servePage(
  { script }: Bundle,
  port = 0,
): Promise<{ readonly url: string } & AsyncDisposable> {
  const page = readFileSync(here("index.html"));
  const listening = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response
      .setHeader("content-type", isScript ? "text/javascript" : "text/html")
      .end(isScript ? script : page);
  }).listen(port, "127.0.0.1");
  await once(listening, "listening");
  const { port: taken } = listening.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}/`,
    async [Symbol.asyncDispose]() {
      listening.closeAllConnections();
      listening.close();
    },
  };
}

if (import.meta.main) {
  const bundle = await bundlePage();
  const { url } = await servePage(bundle, Number(process.argv[2] ?? 0));
  console.log(`${url}?peer=<ws multiaddr>&network=<name>   ${(bundle.gzipBytes / 1_000).toFixed(0)} KB gz`);
}
