import { askSecretAt } from "./secret.ts";

/** What a verb may touch of the outside: two streams, the environment and the folder it runs in. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a person reads stdout. */
  readonly isTty: boolean;
  readInput(): Promise<string>;
  /** Asks somebody at a terminal for what nobody may read over the shoulder; absent where there is no terminal. */
  readonly askSecret?: ((prompt: string) => Promise<string>) | undefined;
}

/** The process' own streams; a reader that goes away (`| head`) ends the program quietly. */
export function processIo(): Io {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0);
      throw error;
    });
  }
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    env: process.env,
    isTty: process.stdout.isTTY ?? false,
    askSecret:
      process.stdin.isTTY && process.stderr.isTTY
        ? askSecretAt(process.stdin, (text) => void process.stderr.write(text))
        : undefined,
    async readInput() {
      process.stdin.setEncoding("utf8");
      let text = "";
      for await (const chunk of process.stdin) text += String(chunk);
      return text;
    },
  };
}
