/** What a bounded stream needs of the stream under it; libp2p's and the memory network's both fit. */
export interface RawStream {
  readonly protocol: string;
  readonly readStatus: "readable" | "paused" | "closing" | "closed";
  /** Bytes that arrived while paused and wait under us. */
  readonly readBufferLength: number;
  /** False: what was sent last has not all left. A drain may be told while it still is. */
  readonly canSend: boolean;
  /** False: nothing more until `onDrain`. */
  send(bytes: Uint8Array): boolean;
  /** Ends our writing half, after what was sent. */
  closeWrite(signal: AbortSignal): Promise<void>;
  /** Ends our reading half: what still arrives is thrown away. */
  closeRead(): Promise<void>;
  abort(error: Error): void;
  pause(): void;
  resume(): void;
  /** Called once; bytes that came before are delivered after the call returned. */
  listen(listeners: RawListeners): void;
}

export interface RawListeners {
  onBytes(bytes: Uint8Array): void;
  onDrain(): void;
  /** The other side ended its writing half. */
  onRemoteEnd(): void;
  /** Nothing moves any more; with an error when it was not by agreement. */
  onClose(error: Error | undefined): void;
  /** New streams to this peer go another way than this one. */
  onLeaving?(): void;
}
