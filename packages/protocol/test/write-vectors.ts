/** Writes the vector files anew; to be run when a type was added, never to make a red test green. */

import { mkdirSync, writeFileSync } from "node:fs";
import { loadCodecs } from "@gridmesh/protocol";
import { fileName, makeVectors } from "./vectors.ts";

const folder = new URL("vectors/", import.meta.url);
mkdirSync(folder, { recursive: true });
const codecs = await loadCodecs(["cbor", "protobuf"]);
for (const [type, file] of makeVectors(codecs)) {
  writeFileSync(new URL(fileName(type), folder), `${JSON.stringify(file, undefined, 2)}\n`);
}
