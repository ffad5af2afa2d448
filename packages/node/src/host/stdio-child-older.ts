/** Asks a program of the modern revision, in a process of its own, whether it has the older one too. */

import { ProtocolError } from "@gridmesh/protocol";
import { startDeadline } from "../deadline.ts";
import { nodeLimits } from "../limits.ts";
import { type Greeting, greetOlder } from "./outside-greeting.ts";
import type { ChildHome } from "./stdio-child-keeper.ts";
import type { ChildProcess } from "./stdio-child-process.ts";
import { SharedLines } from "./shared-lines.ts";

/** Remembers the answer with the agent. @throws AGENT_START_FAILED, AGENT_CRASHED, QUOTA_EXCEEDED, CALL_TIMEOUT. */
export async function askOlder(home: ChildHome, known: Greeting): Promise<Greeting> {
  const { agent, spec, room } = home;
  const asked: { child?: ChildProcess } = {};
  const lines = new SharedLines({
    upstream: {
      send: (line) => asked.child?.send(line),
      calm: () => asked.child?.calm() ?? Promise.resolve(),
    },
    onIdle: () => undefined,
  });
  const seat = { idleSinceMs: undefined, leave: () => Promise.resolve() };
  const onLine: Parameters<typeof room.start>[0]["onLine"] = ({ text, message }) =>
    lines.receive(text, message);
  const child = await room.start({ agent, spec, seat, onLine });
  asked.child = child;
  void child.ended.then(() => lines.fail(new ProtocolError("AGENT_CRASHED", `agent ${agent} ended`)));
  using limit = startDeadline(room.clock, {}, nodeLimits.childStartMs);
  try {
    home.greeting = await greetOlder(lines, known, limit.signal);
    return home.greeting;
  } finally {
    void child.stop();
  }
}
