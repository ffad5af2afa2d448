import type { MultiaddrConnection } from "@libp2p/interface";

/** The raw connections that stand or begin, so that none outlives its node. */
export class RawConnections {
  readonly #open = new Set<MultiaddrConnection>();

  add(connection: MultiaddrConnection): void {
    this.#open.add(connection);
    connection.addEventListener("close", () => this.#open.delete(connection), { once: true });
  }

  abortAll(): void {
    for (const connection of this.#open) connection.abort(new Error("stopped"));
  }
}
