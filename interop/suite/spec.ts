/** Run by mocha: the suite in the folder of `GRIDMESH_SUITE`, our node as its js side, and as its go side unless p2pd is on PATH. */

import { startGo } from "./go-side.ts";
import { loadFrom } from "./load.ts";
import { startOurs, type Wanted } from "./peer.ts";

interface Client {
  readonly client: unknown;
  stop(): Promise<void>;
}

interface Control {
  start(): Promise<void>;
  stop(): Promise<void>;
  getMultiaddr(): unknown;
}

const folder = process.env["GRIDMESH_SUITE"] ?? "";
const p2pd = process.env["GRIDMESH_P2PD"];
const suite = await loadFrom(folder, "@libp2p/interop");
const { createClient } = await loadFrom(folder, "@libp2p/daemon-client");
const { createServer } = await loadFrom(folder, "@libp2p/daemon-server");
const { plaintext } = await loadFrom(folder, "@libp2p/plaintext");
const { floodsub } = await loadFrom(folder, "@libp2p/floodsub");
const { multiaddr } = await loadFrom(folder, "@multiformats/multiaddr");

function unsupported(): never {
  throw new (suite["UnsupportedError"] as new () => Error)();
}

async function startJs(wanted: Wanted): Promise<Client> {
  if (wanted.transport !== undefined && wanted.transport !== "tcp") unsupported();
  const node = await startOurs(wanted, { plaintext: plaintext as never, floodsub: floodsub as never });
  const control = call(createServer, call(multiaddr, "/ip4/127.0.0.1/tcp/0"), node) as Control;
  await control.start();
  return {
    client: call(createClient, control.getMultiaddr()),
    async stop() {
      await control.stop();
      await node.stop();
    },
  };
}

async function startTheirs(wanted: Wanted): Promise<Client> {
  if (p2pd === undefined) return startJs(wanted);
  if (wanted.transport !== undefined && wanted.transport !== "tcp") unsupported();
  const { control, stop } = await startGo(p2pd, wanted);
  return { client: call(createClient, call(multiaddr, control)), stop };
}

function call(fn: unknown, ...given: readonly unknown[]): unknown {
  return (fn as (...all: readonly unknown[]) => unknown)(...given);
}

await call(suite["interopTests"], {
  spawn: (wanted: Wanted & { readonly type: "js" | "go" }) =>
    wanted.type === "go" ? startTheirs(wanted) : startJs(wanted),
});
