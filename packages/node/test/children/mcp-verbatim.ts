/** An MCP program of the older revision that gives the arguments of a call back as they were written. */

import { createInterface } from "node:readline";

const RESULTS: Readonly<Record<string, string>> = {
  initialize:
    '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"verbatim","version":"1"}}',
  "tools/list": '{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}',
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method } = JSON.parse(line) as { id?: unknown; method?: string };
  if (id === undefined) continue;
  const given = /"arguments":(\{[^{}]*\})/.exec(line)?.[1];
  const result = given === undefined ? RESULTS[method ?? ""] : `{"content":[],"structuredContent":${given}}`;
  const error = '"error":{"code":-32601,"message":"unknown","data":{"n":12345678901234567890}}';
  const said = result === undefined ? error : `"result":${result}`;
  process.stdout.write(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},${said}}\n`);
}
