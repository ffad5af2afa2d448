/** Beckn's published documents as validators, formats on; none of their text is ours. */

import { existsSync, globSync, readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";
import { type BecknAction, type BecknProfile, becknWire } from "@gridmesh/protocol";
import { actionsOf } from "./beckn-messages.ts";

export const DATA = new URL("../../../../shared/data/beckn/", import.meta.url);
export const absent: string | false = existsSync(DATA)
  ? false
  : "Beckn's published documents are not on this machine";

const FILES: Readonly<Record<BecknProfile, string>> = {
  "beckn/1": "spec-v1.1.1/transaction.yaml",
  "beckn/2": "spec-v2.0.0-lts/beckn.core-v2.0.0-lts.yaml",
};

interface Document {
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

function ajvWithFormats(): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: true, logger: false });
  addFormats.default(ajv);
  ajv.addFormat("phone", true);
  return ajv;
}

function readYaml(file: string): Document {
  return parse(readFileSync(new URL(file, DATA), "utf8")) as Document;
}

/** The check of each action's body, by our name of the action. */
export function bodyChecks(profile: BecknProfile): ReadonlyMap<BecknAction, ValidateFunction> {
  const ajv = ajvWithFormats();
  const id = `https://schema.beckn.io/${profile}`;
  ajv.addSchema({ ...readYaml(FILES[profile]), $id: id });
  const wire = becknWire(profile);
  return new Map(
    actionsOf(profile).map((action) => {
      const path = (wire?.actions.pathOf(action) ?? "").replaceAll("/", "~1");
      const place = `#/paths/${path}/post/requestBody/content/application~1json/schema`;
      return [action, ajv.compile({ $ref: id + place })];
    }),
  );
}

/** The check of a named schema of revision 2, such as `Ack`. */
export function replyCheck(name: string): ValidateFunction {
  const ajv = ajvWithFormats();
  const id = "https://schema.beckn.io/beckn/2";
  ajv.addSchema({ ...readYaml(FILES["beckn/2"]), $id: id });
  return ajv.compile({ $ref: `${id}#/components/schemas/${name}` });
}

/** The packs by their `@type`; the file is named after the pack. */
const packFiles: Readonly<Record<string, string>> = {
  TimeSeries: "BecknTimeSeries/v1.0",
  EnergyTradeOffer: "EnergyTradeOffer/v2.0",
  EnergyResource: "EnergyResource/v2.0",
  EnergyCustomer: "EnergyCustomer/v2.0",
  DEGContract: "DEGContract/v2.0",
  RevenueFlow: "RevenueFlow/v2.0",
  SettlementTerm: "SettlementTerm/v2.0",
};

/** The check of each published pack. */
export function packChecks(): ReadonlyMap<string, ValidateFunction> {
  const ajv = ajvWithFormats();
  for (const file of globSync("*/*/*/attributes.yaml", { cwd: DATA })) {
    const [, name, version] = file.split("/");
    ajv.addSchema({ ...(settled(readYaml(file)) as Document), $id: packId(name ?? "", version ?? "") });
  }
  const openadr = settled(readYaml("openadr-3.1.0/attributes.yaml")) as Document;
  ajv.addSchema({ ...openadr, $id: packId("openadr", "v3.1.0") });
  return new Map(
    Object.entries(packFiles).map(([type, file]) => {
      const [name = "", version = ""] = file.split("/");
      return [type, ajv.compile({ $ref: `${packId(name, version)}#/components/schemas/${name}` })];
    }),
  );
}

function packId(name: string, version: string): string {
  return `https://schema.nfh.global/${name}/${version.replace(/^(?!v)/, "v")}`;
}

/** One spelling for every reference between the packs; names of places inside a file are its own affair. */
function settled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(settled);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== "$id");
  return Object.fromEntries(
    entries.map(([key, member]) => {
      const [, name, version, rest = ""] =
        key === "$ref" && typeof member === "string"
          ? (/^https:\/\/schema\.(?:nfh\.global|beckn\.io)\/(\w+)\/(v?[\d.]+)(?:\/attributes\.yaml)?(#.*)?$/.exec(
              member,
            ) ?? [])
          : [];
      return [key, name === undefined ? settled(member) : packId(name, version ?? "") + rest];
    }),
  );
}

/** What the packs say against the attribute objects in a body; ours, which nobody publishes, are passed by. */
export function packFaults(value: unknown, checks: ReadonlyMap<string, ValidateFunction>): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => packFaults(item, checks));
  if (typeof value !== "object" || value === null) return [];
  const { "@context": context, "@type": type, ...members } = value as Record<string, unknown>;
  const inner = Object.values(members).flatMap((member) => packFaults(member, checks));
  const published = typeof context === "string" && context.startsWith("https:");
  if (!published || typeof type !== "string") return inner;
  const check = checks.get(type);
  if (!check) return [...inner, `no pack is known for ${type}`];
  return check(members) ? inner : [...inner, `${type}: ${JSON.stringify(check.errors)}`];
}
