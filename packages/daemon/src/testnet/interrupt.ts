/** Ctrl-C ends a run in order; a second one ends it at once. */

export interface Interrupts extends Disposable {
  /** The signal that came, if one did. */
  readonly signal: "SIGINT" | "SIGTERM" | undefined;
  /** Resolves at the first signal. */
  readonly first: Promise<void>;
}

export function watchInterrupts(atOnce: () => void): Interrupts {
  let signal: "SIGINT" | "SIGTERM" | undefined;
  let tell = () => {};
  const first = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const on = (name: "SIGINT" | "SIGTERM") => () => {
    if (signal !== undefined) {
      atOnce();
      return;
    }
    signal = name;
    tell();
  };
  const handlers = { SIGINT: on("SIGINT"), SIGTERM: on("SIGTERM") };
  for (const [name, handler] of Object.entries(handlers)) process.on(name, handler);
  return {
    get signal() {
      return signal;
    },
    first,
    [Symbol.dispose]() {
      for (const [name, handler] of Object.entries(handlers)) process.off(name, handler);
    },
  };
}
