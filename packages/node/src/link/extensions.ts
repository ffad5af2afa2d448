/** Messages of anybody's making that this node knows, and those it only counts. */

import {
  type Extension,
  ExtensionTable,
  isVersion,
  type OpenedMessage,
  parseVersion,
  type Priority,
} from "@gridmesh/protocol";
import type { SignedProtocol } from "../signed-exchange.ts";
import type { MessageHandler } from "./exchange.ts";

/** An extension message that nobody here knows and that may be left unread. */
interface UnknownExtension {
  readonly name: string;
  readonly extensionVersion: string;
  /** agent_id of the signer. */
  readonly signerId: string;
  readonly peerId: string;
}

export interface Extensions {
  /** Answers messages of this name and major until disposed. @throws CONFIG_INVALID (no such name, taken). */
  register<Data>(extension: Extension<Data>): Disposable;
  /** Names and majors, sorted. */
  list(): readonly string[];
  /** Told of each unknown one that was optional. */
  onUnknown(fn: (unknown: UnknownExtension) => void): Disposable;
  /** Unknown ones that were dropped, by name; the last of 256 names counts all further ones. */
  readonly dropped: ReadonlyMap<string, number>;
  /** The class the extension of this name and version asked for. */
  priorityOf(name: string, extensionVersion: unknown): Priority | undefined;
  /** What is done with a proven message. @throws EXTENSION_UNSUPPORTED, FRAME_TOO_LARGE, SCHEMA_INVALID. */
  handlerOf(peerId: string, protocol: SignedProtocol, opened: OpenedMessage): MessageHandler;
}

const NAMES_COUNTED = 256;
const OTHERS = "others";

/** @param beforeEffect - called before a handler runs: what it does cannot be undone, so its nonce is on disk by then */
export function createExtensions(beforeEffect: () => void = () => undefined): Extensions {
  const table = new ExtensionTable();
  const observers = new Set<(unknown: UnknownExtension) => void>();
  const dropped = new Map<string, number>();
  const drop = (unknown: UnknownExtension) => {
    const isCounted = dropped.has(unknown.name) || dropped.size < NAMES_COUNTED - 1;
    const name = isCounted ? unknown.name : OTHERS;
    dropped.set(name, (dropped.get(name) ?? 0) + 1);
    for (const fn of observers) fn(unknown);
  };
  return {
    dropped,
    register: (extension) => table.register(extension),
    list: () => table.list(),
    onUnknown(fn) {
      observers.add(fn);
      return { [Symbol.dispose]: () => observers.delete(fn) };
    },
    priorityOf(name, extensionVersion) {
      if (!name.startsWith("ext:") || typeof extensionVersion !== "string") return undefined;
      if (!isVersion(extensionVersion)) return undefined;
      return table.priorityOf(name, parseVersion(extensionVersion)[0]);
    },
    handlerOf(peerId, protocol, { type, signerId, messageId, body }) {
      const match = table.match({ type, signerId, messageId, peerId, stream: protocol, body });
      return async () => {
        if (match !== undefined) {
          beforeEffect();
          await match.extension.handler(match.message);
          return undefined;
        }
        drop({ name: type, extensionVersion: String(body["extension_version"]), signerId, peerId });
        return undefined;
      };
    },
  };
}
