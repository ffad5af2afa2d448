/** Where a running daemon is asked: the unix socket for whoever may open it, and a port of loopback behind the guard. */

import type { Log } from "@gridmesh/node";
import { controlApp, listenOnSocket } from "./control/app.ts";
import type { ControlContext } from "./control/context.ts";
import { type LentTokens, openTokens } from "./gateway/guard-tokens.ts";
import { type Gateway, openGateway } from "./gateway/listener-faces.ts";
import { attachSocket, type LocalListener, openListener } from "./gateway/listener.ts";
import type { GatewayContext } from "./gateway/listener-types.ts";
import type { HomePaths } from "./home.ts";

export interface Doors extends AsyncDisposable {
  /** `http://host:port`; undefined where the port is off. */
  readonly url: string | undefined;
}

/** @throws PORT_IN_USE, CONFIG_INVALID, DISK_FAILED. */
export async function openDoors(options: {
  readonly context: ControlContext;
  readonly paths: HomePaths;
  readonly log: Log;
  /** Tokens of hosted programs. */
  readonly lent: LentTokens;
}): Promise<Doors> {
  const { context, paths, log } = options;
  await using undo = new AsyncDisposableStack();
  let listener: LocalListener | undefined;
  const inside: GatewayContext = {
    node: context.node,
    config: context.config,
    home: paths.home,
    log: log.child("gateway"),
    version: context.version,
    url: () => listener?.url,
  };
  const gateway = undo.use(openGateway(inside));
  listener = await listen(options, { inside, gateway, undo });
  // Last: a stop may be asked for as soon as the socket listens.
  undo.use(await listenOnSocket(controlApp(context, attachSocket(gateway)), paths.socket));
  const kept = undo.move();
  return { url: listener?.url, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function listen(
  { context, paths, log, lent }: Parameters<typeof openDoors>[0],
  parts: { readonly inside: GatewayContext; readonly gateway: Gateway; readonly undo: AsyncDisposableStack },
): Promise<LocalListener | undefined> {
  const { inside, gateway, undo } = parts;
  const { control, gateway: settings } = context.config;
  if (control.listen === "") return undefined;
  const app = controlApp(context);
  await app.ready();
  undo.defer(() => app.close());
  const opened = await openListener({
    listen: control.listen,
    proxies: control.behindProxy,
    context: inside,
    gateway,
    tokens: openTokens(paths.home, lent),
    control: (request, response) => app.routing(request, response),
  });
  if (settings.auth === "none") {
    log.warn(
      "gateway.open",
      `any program of this machine may call public agents at ${opened.url}: gateway.auth is none`,
    );
  }
  return undo.use(opened);
}
