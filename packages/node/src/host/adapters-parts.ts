/** MCP's content blocks as A2A's parts and back: what one has and the other has not travels in the part's metadata. */

import type { JsonObject, JsonValue } from "@gridmesh/protocol";
import { asList, isObject } from "./loose-json.ts";

/** Key of a part's metadata under which the MCP block keeps what a part has no field for. */
const MCP_PART = "urn:gridmesh:mcp:1";
const STRUCTURED = "structuredContent";

/** The parts of a tool's result. */
export function partsOfResult(result: JsonObject): readonly JsonObject[] {
  const { content, structuredContent } = result;
  const parts = asList(content).map((block) => partOf(block));
  if (structuredContent === undefined) return parts;
  return [...parts, { data: structuredContent, metadata: { [MCP_PART]: { type: STRUCTURED } } }];
}

function partOf(block: JsonValue): JsonObject {
  if (!isObject(block)) return { data: block };
  const { type } = block;
  const { resource } = block;
  if (type === "text" && typeof block["text"] === "string")
    return { text: block["text"], ...kept(block, "text") };
  if ((type === "image" || type === "audio") && typeof block["data"] === "string") {
    return { raw: block["data"], ...media(block["mimeType"]), ...kept(block, "data") };
  }
  if (type === "resource_link" && typeof block["uri"] === "string") {
    return { url: block["uri"], ...media(block["mimeType"]), ...kept(block, "uri") };
  }
  if (type === "resource" && isObject(resource)) return embedded(block, resource);
  return { data: block, ...kept({ type: "block" }, "") };
}

function embedded(block: JsonObject, resource: JsonObject): JsonObject {
  const { text, blob, ...rest } = resource;
  const more = { ...media(rest["mimeType"]), ...kept({ ...block, resource: rest }, "") };
  if (typeof text === "string") return { text, ...more };
  return typeof blob === "string" ? { raw: blob, ...more } : { data: block, ...kept({ type: "block" }, "") };
}

function kept(block: JsonObject, without: string): JsonObject {
  const { [without]: _said, ...rest } = block;
  return { metadata: { [MCP_PART]: rest } };
}

function media(type: JsonValue | undefined): JsonObject {
  return typeof type === "string" ? { mediaType: type } : {};
}

/** `content` and `structuredContent` of the parts of a message or an artifact. */
export function resultOfParts(parts: readonly JsonValue[]): JsonObject {
  const objects = parts.map((part) => (isObject(part) ? part : {}));
  const structured = objects.find((part) => keptIn(part)?.["type"] === STRUCTURED);
  if (structured !== undefined) {
    const others = objects.filter((part) => part !== structured);
    return { content: others.map((part) => blockOf(part)), structuredContent: structured["data"] ?? null };
  }
  const data = objects.filter((part) => isObject(part["data"]) && keptIn(part) === undefined);
  const [only] = data;
  return {
    content: objects.map((part) => blockOf(part)),
    ...(data.length === 1 && only !== undefined ? { structuredContent: only["data"] ?? null } : {}),
  };
}

function blockOf(part: JsonObject): JsonObject {
  const block = keptIn(part);
  const { text, raw, url, data, mediaType, filename } = part;
  if (block !== undefined) return restored(block, part);
  if (typeof text === "string") return { type: "text", text };
  if (typeof url === "string") {
    const name = typeof filename === "string" ? filename : url;
    return { type: "resource_link", uri: url, name, ...mime(mediaType) };
  }
  if (typeof raw === "string") return rawBlock(raw, mediaType, filename);
  return { type: "text", text: JSON.stringify(data ?? null) };
}

function restored(block: JsonObject, { text, raw, url, data }: JsonObject): JsonObject {
  const { type, resource } = block;
  if (type === "block") return isObject(data) ? data : {};
  if (type === "resource" && isObject(resource)) {
    const said = text === undefined ? { blob: raw ?? "" } : { text };
    return { ...block, resource: { ...resource, ...said } };
  }
  if (type === "resource_link") return { ...block, uri: url ?? "" };
  return type === "text" ? { ...block, text: text ?? "" } : { ...block, data: raw ?? "" };
}

function rawBlock(
  raw: string,
  mediaType: JsonValue | undefined,
  filename: JsonValue | undefined,
): JsonObject {
  const kind = typeof mediaType === "string" ? mediaType.split("/", 1)[0] : undefined;
  if (kind === "image" || kind === "audio") return { type: kind, data: raw, ...mime(mediaType) };
  const uri = `a2a:${encodeURIComponent(typeof filename === "string" ? filename : "part")}`;
  return { type: "resource", resource: { uri, blob: raw, ...mime(mediaType) } };
}

function keptIn(part: JsonObject): JsonObject | undefined {
  const { metadata } = part;
  const block = isObject(metadata) ? metadata[MCP_PART] : undefined;
  return isObject(block) ? block : undefined;
}

function mime(mediaType: JsonValue | undefined): JsonObject {
  return typeof mediaType === "string" && mediaType !== "" ? { mimeType: mediaType } : {};
}
