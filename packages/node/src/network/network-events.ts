import type { NetworkEvent, NetworkEventName } from "./transport.ts";

/** The listeners of one transport; one that throws stops neither the others nor the network. */
export interface NetworkEvents {
  on(event: NetworkEventName, fn: (event: NetworkEvent) => void): Disposable;
  emit(name: NetworkEventName, event: NetworkEvent): void;
}

export function networkEvents(onError: (error: unknown) => void): NetworkEvents {
  const listeners = new Map<NetworkEventName, Set<(event: NetworkEvent) => void>>();
  return {
    on(name, fn) {
      const own = (event: NetworkEvent) => fn(event);
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(own));
      return { [Symbol.dispose]: () => set.delete(own) };
    },
    emit(name, event) {
      for (const fn of listeners.get(name) ?? []) {
        try {
          fn(event);
        } catch (error) {
          onError(error);
        }
      }
    },
  };
}
