/** What households answer: the state of charge by tool, by A2A and by the source's own call, and their book. */

import { randomUUID } from "node:crypto";
import type { CallContext, MethodHandler } from "@gridmesh/node";
import { type JsonObject, type JsonValue, ProtocolError } from "@gridmesh/protocol";
import { z } from "zod";

type Skills = Readonly<Record<string, () => JsonObject>>;

const sendMessage = z.object({
  message: z.object({ metadata: z.object({ skillId: z.string() }).partial().optional() }),
  metadata: z.object({ skillId: z.string() }).partial().optional(),
});

const createTask = z.object({ id: z.string().optional(), message: z.object({ skillId: z.string() }) });

/** A2A 1.0's SendMessage: the skill is named in the message's metadata; answered by a message with one data part. */
export function answerSendMessage(skills: Skills): MethodHandler {
  return (params) => {
    const asked = read(sendMessage, params);
    const skillId = asked.message.metadata?.skillId ?? asked.metadata?.skillId;
    return {
      message: {
        messageId: randomUUID(),
        role: "ROLE_AGENT",
        parts: [{ data: answer(skills, skillId) }],
      },
    };
  };
}

/** The source's `createTask {message: {skillId}}`: a finished task with its result. */
export function answerCreateTask(skills: Skills): MethodHandler {
  return (params) => {
    const asked = read(createTask, params);
    return {
      id: asked.id ?? randomUUID(),
      status: "completed",
      result: answer(skills, asked.message.skillId),
    };
  };
}

function answer(skills: Skills, skillId: string | undefined): JsonObject {
  const skill = skillId !== undefined && Object.hasOwn(skills, skillId) ? skills[skillId] : undefined;
  if (skill !== undefined) return skill();
  const known = Object.keys(skills).join(", ");
  throw new ProtocolError(
    "UNSUPPORTED_OPERATION",
    `no skill "${String(skillId).slice(0, 64)}"; known: ${known}`,
  );
}

/** The params, checked. @throws INVALID_PARAMS naming the field. */
export function read<Schema extends z.ZodType>(schema: Schema, params: JsonValue): z.output<Schema> {
  const parsed = schema.safeParse(params);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ProtocolError(
    "INVALID_PARAMS",
    `${issue?.path.join(".") || "params"}: ${issue?.message ?? "wrong"}`,
  );
}

/** Params of `lab/until`: nothing new begins at or after this market time. */
export const labUntil = z.object({ untilMs: z.int().min(0) });

/** Lets only the node's own operator through. @throws UNAUTHORIZED. */
export function localOnly(context: CallContext): void {
  if (context.caller.kind !== "local") {
    throw new ProtocolError("UNAUTHORIZED", "only the node's own operator may ask this");
  }
}
