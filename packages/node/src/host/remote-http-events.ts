/** The messages of an HTTP answer, one by one: a JSON body, or a stream of events. */

import { ProtocolError } from "@gridmesh/protocol";
import { nodeLimits } from "../limits.ts";

/** Each message's text on one line. @throws FRAME_TOO_LARGE, and what the connection throws. */
export async function* messagesIn(answer: Response): AsyncGenerator<string, void, undefined> {
  const type = answer.headers.get("content-type") ?? "";
  if (answer.body === null) return;
  if (type.startsWith("text/event-stream")) {
    yield* eventsIn(answer.body);
    return;
  }
  const text = (await answer.text()).trim();
  if (text === "") return;
  // An older revision answers several at once.
  const value = JSON.parse(text) as unknown;
  if (Array.isArray(value)) for (const one of value) yield JSON.stringify(one);
  else yield oneLine(text);
}

async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  let data: string[] = [];
  let chars = 0;
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "" && data.length > 0) {
        yield oneLine(data.join("\n"));
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

/** Between the tokens of JSON a newline is a blank, and within them there is none. */
function oneLine(text: string): string {
  return text.includes("\n") || text.includes("\r") ? text.replaceAll(/[\r\n]+/g, " ") : text;
}
