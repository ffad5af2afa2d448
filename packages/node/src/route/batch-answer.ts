import { ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";
import { errorLine } from "./rpc-lines.ts";

/** The answers to the calls of one line, told as one line when all are there. */
export class BatchAnswer {
  readonly #tell: (line: string) => void;
  readonly #answers: string[] = [];
  #left: number;

  constructor(count: number, tell: (line: string) => void) {
    this.#left = count;
    this.#tell = tell;
  }

  /** One more of them is answered. */
  add(line: string): void {
    this.#answers.push(line.trimEnd());
    this.skip();
  }

  /** One of them wants no answer. */
  skip(): void {
    this.#left -= 1;
    if (this.#left > 0 || this.#answers.length === 0) return;
    const line = `[${this.#answers.join(",")}]\n`;
    if (Buffer.byteLength(line) <= nodeLimits.rpcLineBytes) return this.#tell(line);
    this.#tell(
      errorLine(null, new ProtocolError("FRAME_TOO_LARGE", "the answers are over the line's limit")),
    );
  }
}
