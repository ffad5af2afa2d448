/** The messages of an HTTP answer, one by one: a JSON body, or a stream of events. */

import { ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";

/** Where a stream of events stood when it broke off. */
export interface StreamPlace {
  lastEventId?: string;
  /** How long to wait before it is asked for again. */
  retryMs?: number;
}

/** Each message's text on one line; `place` is kept up to date. @throws FRAME_TOO_LARGE, and what the connection throws. */
export async function* messagesIn(
  answer: Response,
  place: StreamPlace = {},
): AsyncGenerator<string, void, undefined> {
  const type = answer.headers.get("content-type") ?? "";
  if (answer.body === null) return;
  if (type.startsWith("text/event-stream")) {
    yield* eventsIn(answer.body, place);
    return;
  }
  const text = (await answer.text()).trim();
  if (text === "") return;
  // An older revision answers several at once.
  const value = JSON.parse(text) as unknown;
  if (Array.isArray(value)) for (const one of value) yield JSON.stringify(one);
  else yield oneLine(text);
}

async function* eventsIn(
  body: ReadableStream<Uint8Array>,
  place: StreamPlace,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  let data: string[] = [];
  let chars = 0;
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      noteField(line, place);
      if (line === "" && data.length > 0) {
        const text = oneLine(data.join("\n"));
        // An event without content only tells where the stream stands.
        if (text.trim() !== "") yield text;
        data = [];
        chars = 0;
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line.startsWith("data: ") ? "data: ".length : "data:".length));
        chars += line.length;
      }
    }
    if (chars + rest.length > nodeLimits.rpcLineBytes) {
      throw new ProtocolError("FRAME_TOO_LARGE", "an event is over the limit");
    }
  }
}

function noteField(line: string, place: StreamPlace): void {
  const [, field, value = ""] = /^(id|retry): ?(.*)$/.exec(line) ?? [];
  if (field === "id" && !value.includes("\0")) place.lastEventId = value;
  if (field === "retry" && /^\d{1,6}$/.test(value)) place.retryMs = Number(value);
}

/** Between the tokens of JSON a newline is a blank, and within them there is none. */
function oneLine(text: string): string {
  return text.includes("\n") || text.includes("\r") ? text.replaceAll(/[\r\n]+/g, " ") : text;
}
