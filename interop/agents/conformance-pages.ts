/** Resources, prompts and completions of the conformance agent. */

import {
  acceptedContent,
  fromJsonSchema,
  inputRequired,
  type McpServer,
  ResourceTemplate,
} from "@modelcontextprotocol/server";
import { elicit } from "./conformance-inputs.ts";
import { PNG } from "./conformance-tools.ts";

export function addPages(server: McpServer): void {
  addResources(server);
  addPrompts(server);
  addSessionMethods(server);
}

function addResources(server: McpServer): void {
  server.registerResource(
    "static-text",
    "test://static-text",
    { description: "A text that never changes", mimeType: "text/plain" },
    ({ href: uri }) => ({
      contents: [{ uri, mimeType: "text/plain", text: "This is the content of the static text resource." }],
    }),
  );
  server.registerResource(
    "static-binary",
    "test://static-binary",
    { description: "A picture that never changes", mimeType: "image/png" },
    ({ href: uri }) => ({ contents: [{ uri, mimeType: "image/png", blob: PNG }] }),
  );
  server.registerResource(
    "watched-resource",
    "test://watched-resource",
    { description: "A text that can be subscribed to", mimeType: "text/plain" },
    ({ href: uri }) => ({ contents: [{ uri, mimeType: "text/plain", text: "This resource is watched." }] }),
  );
  server.registerResource(
    "template",
    new ResourceTemplate("test://template/{id}/data", { list: undefined }),
    { description: "Data of any id", mimeType: "application/json" },
    ({ href: uri }, { id }) => {
      const data = { id, templateTest: true, data: `Data for ID: ${String(id)}` };
      return { contents: [{ uri, mimeType: "application/json", text: JSON.stringify(data) }] };
    },
  );
}

function addPrompts(server: McpServer): void {
  server.registerPrompt("test_simple_prompt", { description: "A prompt without arguments" }, () =>
    asked("This is a simple prompt for testing."),
  );
  const two = fromJsonSchema<{ arg1: string; arg2: string }>({
    type: "object",
    properties: {
      arg1: { type: "string", description: "First test argument" },
      arg2: { type: "string", description: "Second test argument" },
    },
    required: ["arg1", "arg2"],
  });
  server.registerPrompt(
    "test_prompt_with_arguments",
    { description: "A prompt with two arguments", argsSchema: two },
    ({ arg1, arg2 }) => asked(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`),
  );
  const one = fromJsonSchema<{ resourceUri: string }>({
    type: "object",
    properties: { resourceUri: { type: "string", description: "URI of the resource to embed" } },
    required: ["resourceUri"],
  });
  server.registerPrompt(
    "test_prompt_with_embedded_resource",
    { description: "A prompt with a resource within it", argsSchema: one },
    ({ resourceUri: uri }) => {
      const embedded = "Embedded resource content for testing.";
      const resource = { uri, mimeType: "text/plain", text: embedded };
      return asked("Please process the embedded resource above.", { type: "resource", resource });
    },
  );
  server.registerPrompt("test_prompt_with_image", { description: "A prompt with a picture" }, () =>
    asked("Please analyze the image above.", { type: "image", data: PNG, mimeType: "image/png" }),
  );
  server.registerPrompt(
    "test_input_required_result_prompt",
    { description: "A prompt that asks for its context" },
    (ctx) => {
      const given = acceptedContent<{ context: string }>(ctx.mcpReq.inputResponses, "user_context");
      if (given !== undefined) return asked(`Answer in the context of: ${given.context}`);
      const user_context = elicit("What context should the prompt use?", {
        type: "object",
        properties: { context: { type: "string" } },
        required: ["context"],
      });
      return inputRequired({ inputRequests: { user_context } });
    },
  );
}

type Content =
  | { readonly type: "image"; readonly data: string; readonly mimeType: string }
  | {
      readonly type: "resource";
      readonly resource: { readonly uri: string; readonly mimeType: string; readonly text: string };
    };

function asked(text: string, before?: Content) {
  const role = "user" as const;
  const said = { role, content: { type: "text" as const, text } };
  return { messages: before === undefined ? [said] : [{ role, content: before }, said] };
}

function addSessionMethods({ server }: McpServer): void {
  // Updates are told to whom subscribed by the node; the agent itself keeps no list.
  server.setRequestHandler("resources/subscribe", () => ({}));
  server.setRequestHandler("resources/unsubscribe", () => ({}));
  server.setRequestHandler("completion/complete", () => ({
    completion: { values: [], total: 0, hasMore: false },
  }));
}
