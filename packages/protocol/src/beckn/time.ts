/** The two ways Beckn writes time: RFC 3339 instants with a zone, ISO 8601 durations. */

import { ProtocolError } from "../errors.ts";

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;
const DURATION = /^P(?=.)(?:(\d{1,6})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?$/;

/** Milliseconds since the epoch. @throws BECKN_CONTEXT_INVALID without a zone or when no such instant exists. */
export function parseInstant(text: string): number {
  const ms = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new ProtocolError("BECKN_CONTEXT_INVALID", `no instant: "${text.slice(0, 40)}"`);
  return ms;
}

export function formatInstant(ms: number): string {
  return new Date(ms).toISOString();
}

/** Milliseconds of days, hours, minutes and seconds. @throws BECKN_CONTEXT_INVALID for years, months or nonsense. */
export function parseDuration(text: string): number {
  const match = DURATION.exec(text.length <= 40 ? text : "");
  if (!match) throw new ProtocolError("BECKN_CONTEXT_INVALID", `no duration: "${text.slice(0, 40)}"`);
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}

/** `PT<seconds>S`, rounded up to a whole second. */
export function formatDuration(ms: number): string {
  return `PT${Math.ceil(ms / 1000)}S`;
}
