import type { Server, Socket } from "node:net";
import type { Listener, MultiaddrConnection, Transport } from "@libp2p/interface";
import { webSockets } from "@libp2p/websockets";
import type { Clock } from "../../clock.ts";

/** A socket that has not asked for a WebSocket by then is closed. */
const ASK_MS = 3_000;

type Components = Parameters<ReturnType<typeof webSockets>>[0];

export interface SocketGate {
  readonly clock: Clock;
  /** May one more socket of this address wait for its first request? Counts the refusal if not. */
  admitSocket(ip: string, waiting: { readonly all: number; readonly sameIp: number }): boolean;
}

interface Upgrader {
  upgradeInbound(connection: MultiaddrConnection, options: object): Promise<unknown>;
  upgradeOutbound(connection: MultiaddrConnection, options: object): Promise<unknown>;
}

/** What the library's listener has beyond its published type. */
interface ListenerInside extends Listener {
  readonly server: Server;
  readonly http?: Server | undefined;
}

/**
 * WebSockets with two repairs. An abort closes the socket: the library names a close code that no socket accepts, so
 * the link lives on at the other end. And a socket that asks for nothing is closed: the library waits for ever.
 */
export function guardedWebSockets(gate: SocketGate): (components: Components) => Transport {
  const create = webSockets();
  return (components) => {
    const transport = create(components);
    const dial = transport.dial.bind(transport);
    const listen = transport.createListener.bind(transport);
    transport.dial = (address, options) =>
      dial(address, { ...options, upgrader: closing(options.upgrader) as typeof options.upgrader });
    transport.createListener = (options) =>
      watched(listen({ ...options, upgrader: closing(options.upgrader) as typeof options.upgrader }), gate);
    return transport;
  };
}

/** The upgrader for connections whose abort must reach the socket. */
function closing(upgrader: object): object {
  const inner = upgrader as Upgrader;
  return Object.assign(Object.create(upgrader) as object, {
    upgradeInbound: (connection: MultiaddrConnection, options: object) =>
      inner.upgradeInbound(mended(connection), options),
    upgradeOutbound: (connection: MultiaddrConnection, options: object) =>
      inner.upgradeOutbound(mended(connection), options),
  });
}

interface WebSocketConnection {
  readonly websocket: { close(): void; terminate?: () => void };
  sendReset: () => void;
}

function mended(connection: MultiaddrConnection): MultiaddrConnection {
  const own = connection as unknown as WebSocketConnection;
  // Those that were accepted can be cut off; those that were dialled can only say goodbye.
  own.sendReset = () => {
    const { websocket } = own;
    if (websocket.terminate === undefined) websocket.close();
    else websocket.terminate();
  };
  return connection;
}

/** Counts and bounds the sockets that have not asked for anything yet. */
function watched(listener: Listener, gate: SocketGate): Listener {
  const inside = listener as ListenerInside;
  const waiting = new Map<Socket, Disposable>();
  const settle = (socket: Socket) => {
    waiting.get(socket)?.[Symbol.dispose]();
    waiting.delete(socket);
  };
  inside.server.on("connection", (socket: Socket) => {
    const ip = socket.remoteAddress ?? "";
    const sameIp = [...waiting.keys()].filter(({ remoteAddress }) => remoteAddress === ip).length;
    if (!gate.admitSocket(ip, { all: waiting.size, sameIp })) {
      socket.destroy();
      return;
    }
    waiting.set(
      socket,
      gate.clock.timer(ASK_MS, () => socket.destroy()),
    );
    socket.once("close", () => settle(socket));
  });
  const listen = listener.listen.bind(listener);
  const close = listener.close.bind(listener);
  listener.listen = async (address) => {
    await listen(address);
    inside.http?.on("upgrade", (_request: unknown, socket: Socket) => settle(socket));
  };
  listener.close = async (...options) => {
    for (const socket of waiting.keys()) socket.destroy();
    await close(...options);
  };
  return listener;
}
