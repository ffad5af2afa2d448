/** A verb, flag or argument that does not exist or does not fit; ends in exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** What to type instead. */
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(message);
    this.fix = fix;
  }
}
