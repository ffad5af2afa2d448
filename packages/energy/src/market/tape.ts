/** What a continuous book did, as a chain of hashes: whoever holds it plays it again and gets the same trades. */

import {
  canonicalBytes,
  canonicalize,
  isProtocolError,
  ProtocolError,
  sha256,
  toHex,
} from "@gridmesh/protocol";
import { ContinuousBook } from "./book.ts";
import type { BookCommand, BookOutcome, BookRules } from "./book-order.ts";
import type { AuctionTrade } from "./order.ts";

/** Signed by the supervisor when it is published. */
export interface BookEvent {
  readonly slotId: string;
  /** From 1, without a gap. */
  readonly seq: number;
  /** bookEventHash of the one before; of the first: 64 zeros. */
  readonly prevHash: string;
  readonly command: BookCommand;
  readonly outcome: BookOutcome;
}

export interface TapeStart {
  readonly slotId: string;
  readonly rules: BookRules;
}

const NO_EVENT = "0".repeat(64);

/** sha256 of the event's canonical form, hex. */
export function bookEventHash(event: BookEvent): string {
  return toHex(sha256(canonicalBytes(event)));
}

/** A book that writes down what it does. */
export class BookTape {
  readonly #slotId: string;
  readonly #book: ContinuousBook;
  #seq = 0;
  #prevHash = NO_EVENT;

  constructor({ slotId, rules }: TapeStart) {
    this.#slotId = slotId;
    this.#book = new ContinuousBook(rules);
  }

  /** The event of a command. @throws what ContinuousBook.apply refuses: that is no event. */
  record(command: BookCommand): BookEvent {
    const outcome = this.#book.apply(command);
    this.#seq += 1;
    const event = { slotId: this.#slotId, seq: this.#seq, prevHash: this.#prevHash, command, outcome };
    this.#prevHash = bookEventHash(event);
    return event;
  }
}

/** Plays a tape again. Returns its trades. @throws VERIFICATION_FAILED naming the first event that is not as it was. */
export function replayTape(events: readonly BookEvent[], start: TapeStart): AuctionTrade[] {
  const tape = new BookTape(start);
  return events.flatMap((event, index) => {
    const again = recordAgain(tape, event, index + 1);
    if (canonicalize(again) !== canonicalize(event)) {
      throw new ProtocolError(
        "VERIFICATION_FAILED",
        `event ${index + 1} of the tape is not what the book did`,
        {
          data: { seq: index + 1 },
        },
      );
    }
    return event.outcome.trades;
  });
}

function recordAgain(tape: BookTape, event: BookEvent, seq: number): BookEvent {
  try {
    return tape.record(event.command);
  } catch (cause) {
    if (!isProtocolError(cause)) throw cause;
    const text = `event ${seq} of the tape holds a command that the book refuses`;
    throw new ProtocolError("VERIFICATION_FAILED", text, { cause, data: { seq } });
  }
}
