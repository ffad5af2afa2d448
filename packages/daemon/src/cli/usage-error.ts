import type { ErrorCode } from "@gridmesh/protocol";

/** A verb, flag or argument that does not exist or does not fit; ends in exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** What to type instead. */
  readonly fix: string;
  readonly code: ErrorCode;

  constructor(message: string, fix: string, code: ErrorCode = "INVALID_REQUEST") {
    super(message);
    this.fix = fix;
    this.code = code;
  }
}
