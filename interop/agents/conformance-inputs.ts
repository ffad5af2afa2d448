/** Tools of the conformance agent that ask their caller for something; one text for both revisions. */

import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  fromJsonSchema,
  type CallToolResult,
  type ClientCapabilities,
  type InputRequest,
  inputRequired,
  type InputRequiredResult,
  inputResponse,
  type McpServer,
  type ServerContext,
} from "@modelcontextprotocol/server";
import type { StateKeeper } from "./conformance.ts";
import { text } from "./conformance-tools.ts";

type Answer = CallToolResult | InputRequiredResult;
type Schema = Parameters<typeof inputRequired.elicit>[0]["requestedSchema"];

const NAME: Schema = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
const COLOR: Schema = { type: "object", properties: { color: { type: "string" } }, required: ["color"] };
const OK: Schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] };

export const askName = (): InputRequest => elicit("What is your name?", NAME);

export function elicit(message: string, requestedSchema: Schema): InputRequest {
  return inputRequired.elicit({ message, requestedSchema });
}

function sample(prompt: string, maxTokens: number): InputRequest {
  return inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: prompt } }],
    maxTokens,
  });
}

export function addInputTools(server: McpServer, states: StateKeeper): void {
  addWritten(server);
  addElicitations(server);
  addRounds(server);
  addStates(server, states);
  addCapabilities(server);
}

function addWritten(server: McpServer): void {
  const prompt = fromJsonSchema<{ prompt: string }>(object("prompt"));
  server.registerTool(
    "test_sampling",
    { description: "Has its caller's model answer a prompt", inputSchema: prompt },
    ({ prompt: asked }, ctx) => {
      const said = sampled(ctx, "answer");
      return said === undefined ? ask({ answer: sample(asked, 100) }) : text(`LLM response: ${said}`);
    },
  );
  const message = fromJsonSchema<{ message: string }>(object("message"));
  server.registerTool(
    "test_elicitation",
    { description: "Asks its caller's user for a name and an address", inputSchema: message },
    ({ message: asked }, ctx) => {
      const given = inputResponse(ctx.mcpReq.inputResponses, "user");
      if (given.kind === "elicit") {
        const content = JSON.stringify(given.content ?? {});
        return text(`User response: action: ${given.action}, content: ${content}`);
      }
      return ask({
        user: elicit(asked, {
          type: "object",
          properties: {
            username: { type: "string", description: "User's response" },
            email: { type: "string", description: "User's email address" },
          },
          required: ["username", "email"],
        }),
      });
    },
  );
}

const DEFAULTS: Schema = {
  type: "object",
  properties: {
    name: { type: "string", default: "John Doe" },
    age: { type: "integer", default: 30 },
    score: { type: "number", default: 95.5 },
    status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
    verified: { type: "boolean", default: true },
  },
};

const ENUMS: Schema = {
  type: "object",
  properties: {
    untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
    titledSingle: {
      type: "string",
      oneOf: [
        { const: "value1", title: "First Option" },
        { const: "value2", title: "Second Option" },
        { const: "value3", title: "Third Option" },
      ],
    },
    legacyEnum: {
      type: "string",
      enum: ["opt1", "opt2", "opt3"],
      enumNames: ["Option One", "Option Two", "Option Three"],
    },
    untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2", "option3"] } },
    titledMulti: {
      type: "array",
      items: {
        anyOf: [
          { const: "value1", title: "First Choice" },
          { const: "value2", title: "Second Choice" },
          { const: "value3", title: "Third Choice" },
        ],
      },
    },
  },
};

function addElicitations(server: McpServer): void {
  const form = (name: string, description: string, schema: Schema) =>
    server.registerTool(name, { description }, (ctx) => {
      const given = inputResponse(ctx.mcpReq.inputResponses, "form");
      if (given.kind !== "elicit") return ask({ form: elicit("Please fill this in", schema) });
      const content = JSON.stringify(given.content ?? {});
      return text(`Elicitation completed: action=${given.action}, content=${content}`);
    });
  form("test_elicitation_sep1034_defaults", "Asks for fields that have defaults", DEFAULTS);
  form("test_elicitation_sep1330_enums", "Asks for choices of each kind", ENUMS);
}

const ROUND = "test_input_required_result";

function addRounds(server: McpServer): void {
  server.registerTool(`${ROUND}_elicitation`, { description: "Asks for a name" }, (ctx) => {
    const name = nameIn(ctx);
    return name === undefined ? ask({ user_name: askName() }) : text(`Hello, ${name}!`);
  });
  server.registerTool(`${ROUND}_sampling`, { description: "Asks the caller's model" }, (ctx) => {
    const said = sampled(ctx, "capital_question");
    const question = sample("What is the capital of France?", 100);
    return said === undefined ? ask({ capital_question: question }) : text(said);
  });
  server.registerTool(`${ROUND}_list_roots`, { description: "Asks for the caller's roots" }, (ctx) => {
    const given = inputResponse(ctx.mcpReq.inputResponses, "client_roots");
    if (given.kind !== "roots") return ask({ client_roots: inputRequired.listRoots() });
    return text(`Roots: ${given.roots.map(({ uri }) => uri).join(", ")}`);
  });
}

function addStates(server: McpServer, states: StateKeeper): void {
  const confirmed = async (ctx: ServerContext): Promise<Answer> => {
    const isKnown = ctx.mcpReq.requestState() === "confirming";
    const given = acceptedContent<{ ok: boolean }>(ctx.mcpReq.inputResponses, "confirm");
    if (isKnown && given !== undefined) return text("state-ok");
    const requestState = await states.keep("confirming", ctx);
    return inputRequired({ inputRequests: { confirm: elicit("Please confirm", OK) }, requestState });
  };
  const tool = (name: string, description: string, answer: (ctx: ServerContext) => Promise<Answer>) =>
    server.registerTool(`${ROUND}_${name}`, { description }, answer);
  tool("request_state", "Has its caller keep a state", confirmed);
  tool("tampered_state", "Refuses a state that was changed", confirmed);
  tool("multiple_inputs", "Asks for three things at once", async (ctx) => {
    const name = nameIn(ctx);
    const greeting = sampled(ctx, "greeting");
    const roots = inputResponse(ctx.mcpReq.inputResponses, "client_roots");
    if (name !== undefined && greeting !== undefined && roots.kind === "roots") {
      return text(`${greeting} ${name}, with ${roots.roots.length} roots`);
    }
    const requestState = await states.keep("three things", ctx);
    const inputRequests = {
      user_name: askName(),
      greeting: sample("Generate a greeting", 50),
      client_roots: inputRequired.listRoots(),
    };
    return inputRequired({ inputRequests, requestState });
  });
  tool("multi_round", "Asks in two rounds", async (ctx) => {
    const known = ctx.mcpReq.requestState<{ name?: string } | undefined>();
    const name = known?.name ?? acceptedContent<{ name: string }>(ctx.mcpReq.inputResponses, "step1")?.name;
    if (name === undefined) {
      const requestState = await states.keep({}, ctx);
      const step1 = elicit("Step 1: What is your name?", NAME);
      return inputRequired({ inputRequests: { step1 }, requestState });
    }
    const color = acceptedContent<{ color: string }>(ctx.mcpReq.inputResponses, "step2")?.color;
    if (color !== undefined) return text(`${name} likes ${color}.`);
    const requestState = await states.keep({ name }, ctx);
    const step2 = elicit("Step 2: What is your favorite color?", COLOR);
    return inputRequired({ inputRequests: { step2 }, requestState });
  });
}

function addCapabilities(server: McpServer): void {
  server.registerTool(
    `${ROUND}_capabilities`,
    { description: "Asks only for what its caller can answer" },
    (ctx) => {
      const { elicitation, sampling, roots } = capabilitiesOf(server, ctx);
      const inputRequests = {
        ...(elicitation === undefined ? {} : { user_name: askName() }),
        ...(sampling === undefined ? {} : { greeting: sample("Generate a greeting", 50) }),
        ...(roots === undefined ? {} : { client_roots: inputRequired.listRoots() }),
      };
      const missing = Object.keys(inputRequests).filter(
        (key) => inputResponse(ctx.mcpReq.inputResponses, key).kind === "missing",
      );
      return missing.length === 0 ? text("Nothing is left to ask.") : ask(inputRequests);
    },
  );
  server.registerTool("test_missing_capability", { description: "Needs a caller with a model" }, (ctx) => {
    const said = sampled(ctx, "answer");
    return said === undefined ? ask({ answer: sample("Say hello", 50) }) : text(said);
  });
}

function ask(inputRequests: Record<string, InputRequest>): InputRequiredResult {
  return inputRequired({ inputRequests });
}

function object(name: string) {
  return { type: "object" as const, properties: { [name]: { type: "string" as const } }, required: [name] };
}

function nameIn(ctx: ServerContext): string | undefined {
  const name = acceptedContent<{ name: unknown }>(ctx.mcpReq.inputResponses, "user_name")?.name;
  return typeof name === "string" ? name : undefined;
}

function sampled(ctx: ServerContext, key: string): string | undefined {
  const given = inputResponse(ctx.mcpReq.inputResponses, key);
  if (given.kind !== "sampling") return undefined;
  const { content } = given.result;
  const parts = Array.isArray(content) ? content : [content];
  return parts.map((part) => (part.type === "text" ? part.text : `(${part.type})`)).join(" ");
}

function capabilitiesOf(server: McpServer, ctx: ServerContext): ClientCapabilities {
  const envelope: Record<string, unknown> = { ...ctx.mcpReq.envelope };
  const said = envelope[CLIENT_CAPABILITIES_META_KEY] as ClientCapabilities | undefined;
  return said ?? server.server.getClientCapabilities() ?? {};
}
