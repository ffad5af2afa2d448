import type { Socket } from "node:net";
import type { MultiaddrConnection, Transport, Upgrader } from "@libp2p/interface";
import type { Libp2pOptions } from "libp2p";

type Components = Parameters<NonNullable<Libp2pOptions["transports"]>[number]>[0];
type Part<T> = (components: Components) => T;

/** What this file knows of the library's TCP connection; where it is another shape, nothing is changed. */
interface SocketConnection {
  readonly socket?: Socket;
  sendData?: (data: unknown) => unknown;
}

/**
 * TCP whose pieces leave together: the library writes each cipher message in four, and each would be a system call
 * and, without Nagle's wait, a packet.
 */
export function corked(create: Part<Transport>): Part<Transport> {
  return (components) => {
    const transport = create(components);
    const dial = transport.dial.bind(transport);
    const createListener = transport.createListener.bind(transport);
    transport.dial = (address, options) =>
      dial(address, { ...options, upgrader: corkingUpgrader(options.upgrader) });
    transport.createListener = (options) =>
      createListener({ ...options, upgrader: corkingUpgrader(options.upgrader) });
    return transport;
  };
}

function corkingUpgrader(upgrader: Upgrader): Upgrader {
  return new Proxy(upgrader, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== "upgradeInbound" && name !== "upgradeOutbound") return value.bind(target) as unknown;
      return (connection: MultiaddrConnection, ...rest: unknown[]): unknown =>
        value.call(target, cork(connection), ...rest);
    },
  });
}

/** All pieces of one message become one write. */
function cork(connection: MultiaddrConnection): MultiaddrConnection {
  const shaped = connection as unknown as SocketConnection;
  const { socket, sendData } = shaped;
  if (socket === undefined || sendData === undefined) return connection;
  shaped.sendData = (data) => {
    socket.cork();
    try {
      return sendData.call(connection, data);
    } finally {
      socket.uncork();
    }
  };
  return connection;
}
