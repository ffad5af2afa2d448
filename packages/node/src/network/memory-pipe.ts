import type { RawListeners, RawStream } from "./raw-stream.ts";

/** Unconsumed bytes at which the sender is told to wait, as with a yamux window. */
const WINDOW_BYTES = 256 * 1024;

/** Runs `fn` on the other side, in the order of the calls. */
export type Deliver = (fn: () => void) => void;

/** Two ends of one ordered byte stream. */
export function memoryPipe(
  protocol: string,
  deliver: { readonly toAnswerer: Deliver; readonly toOpener: Deliver },
): { readonly opener: MemoryEnd; readonly answerer: MemoryEnd } {
  const opener = new MemoryEnd(protocol, deliver.toAnswerer);
  const answerer = new MemoryEnd(protocol, deliver.toOpener);
  opener.join(answerer);
  answerer.join(opener);
  return { opener, answerer };
}

export class MemoryEnd implements RawStream {
  readonly protocol: string;
  readonly #deliver: Deliver;
  #other!: MemoryEnd;
  #listeners: RawListeners | undefined;
  #status: RawStream["readStatus"] = "readable";
  #buffered: Uint8Array[] = [];
  #bufferedBytes = 0;
  /** Sent by us, not yet consumed over there. */
  #outstanding = 0;
  #blocked = false;
  #writeEnded = false;
  #remoteEnded = false;
  #closed: { readonly error: Error | undefined } | undefined;

  constructor(protocol: string, deliver: Deliver) {
    this.protocol = protocol;
    this.#deliver = deliver;
  }

  join(other: MemoryEnd): void {
    this.#other = other;
  }

  get readStatus(): RawStream["readStatus"] {
    return this.#status;
  }

  get readBufferLength(): number {
    return this.#bufferedBytes;
  }

  get canSend(): boolean {
    return !this.#blocked;
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  send(bytes: Uint8Array): boolean {
    if (this.#writeEnded || this.#closed !== undefined) throw new Error("the stream is closed");
    // The receiver keeps the bytes, the sender its array.
    const copy = bytes.slice();
    this.#outstanding += copy.length;
    const other = this.#other;
    this.#deliver(() => other.#receive(copy));
    this.#blocked = this.#outstanding >= WINDOW_BYTES;
    return !this.#blocked;
  }

  closeWrite(): Promise<void> {
    if (!this.#writeEnded && this.#closed === undefined) {
      this.#writeEnded = true;
      const other = this.#other;
      this.#deliver(() => other.#onRemoteEnd());
      this.#closeIfDone();
    }
    return Promise.resolve();
  }

  closeRead(): Promise<void> {
    this.#status = "closed";
    this.#consume(this.#bufferedBytes);
    this.#buffered = [];
    return Promise.resolve();
  }

  abort(error: Error): void {
    if (this.#closed !== undefined) return;
    const other = this.#other;
    this.#deliver(() => other.cut(new Error(`reset by the other side: ${error.message}`)));
    this.cut(error);
  }

  /** Ends this end at once, as when the link goes. */
  cut(error: Error | undefined): void {
    if (this.#closed !== undefined) return;
    this.#closed = { error };
    this.#status = "closed";
    this.#listeners?.onClose(error);
  }

  pause(): void {
    if (this.#status === "readable") this.#status = "paused";
  }

  resume(): void {
    if (this.#status !== "paused") return;
    this.#status = "readable";
    this.#dispatch();
  }

  listen(listeners: RawListeners): void {
    queueMicrotask(() => {
      this.#listeners = listeners;
      this.#dispatch();
      if (this.#remoteEnded) listeners.onRemoteEnd();
      if (this.#closed !== undefined) listeners.onClose(this.#closed.error);
    });
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closed !== undefined) return;
    this.#buffered.push(bytes);
    this.#bufferedBytes += bytes.length;
    if (this.#status === "closed") void this.closeRead();
    else this.#dispatch();
  }

  #dispatch(): void {
    // What a listener does with the bytes may pause or end the stream.
    while (this.#listeners !== undefined && this.#status === "readable") {
      const bytes = this.#buffered.shift();
      if (bytes === undefined) return;
      this.#consume(bytes.length);
      this.#listeners.onBytes(bytes);
    }
  }

  #consume(count: number): void {
    this.#bufferedBytes -= count;
    const other = this.#other;
    if (count > 0) other.#deliverBack(this, count);
  }

  #deliverBack(from: MemoryEnd, count: number): void {
    from.#deliver(() => {
      this.#outstanding -= count;
      if (!this.#blocked || this.#outstanding >= WINDOW_BYTES / 2) return;
      this.#blocked = false;
      if (this.#closed === undefined) this.#listeners?.onDrain();
    });
  }

  #onRemoteEnd(): void {
    if (this.#closed !== undefined) return;
    this.#remoteEnded = true;
    this.#listeners?.onRemoteEnd();
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#writeEnded && this.#remoteEnded && this.#closed === undefined) {
      this.#closed = { error: undefined };
      this.#listeners?.onClose(undefined);
    }
  }
}
