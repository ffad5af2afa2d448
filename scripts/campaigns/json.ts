/**
 * Canonical JSON against the outside vectors: the documents, the doubles, the reading cases.
 *
 *   npm run campaign:json -- [--lines 10000000]        the digests go up to 100,000,000 lines
 */

import { parseArgs } from "node:util";
import { parseCanonical, parseTolerant } from "@gridmesh/protocol";
import { absent, checkDocuments, checkNumbers, readAll } from "../../packages/protocol/test/json-cases.ts";

const { values } = parseArgs({ options: { lines: { type: "string", default: "10000000" } } });

if (absent !== false) {
  console.log(absent);
} else {
  console.log(`RFC 8785 documents            ${checkDocuments()} of 6 byte for byte`);
  const parsing = readAll("json-test-suite/test_parsing/", parseCanonical);
  const transform = readAll("json-test-suite/test_transform/", parseCanonical);
  const tolerant = readAll("json-test-suite/test_parsing/", (bytes) =>
    parseTolerant(bytes, { maxDepth: 1_000 }),
  );
  const bad = tolerant.taken.filter((file) => file.startsWith("n_"));
  console.log(
    `strict reader                 ${parsing.taken.length} of ${parsing.files.length} parsing cases`,
  );
  console.log(
    `strict reader                 ${transform.taken.length} of ${transform.files.length} transform cases`,
  );
  console.log(`tolerant reader               ${bad.length} of the bad parsing cases`);
  const startedMs = performance.now();
  const right = checkNumbers(Number(values.lines));
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  console.log(
    `doubles                       ${right} digests right, up to ${values.lines} lines, ${seconds} s`,
  );
  process.exitCode = parsing.taken.length === 42 && transform.taken.length === 2 && bad.length === 0 ? 0 : 1;
}
