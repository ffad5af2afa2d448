import { ProtocolError } from "@gridmesh/protocol";

/**
 * A package that only some nodes need.
 * @throws CONFIG_INVALID with the line that installs it.
 */
export async function optional<T>(name: string, why: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw error;
    throw new ProtocolError("CONFIG_INVALID", `${why} needs a package that is not here: npm i ${name}`, {
      cause: error,
    });
  }
}
