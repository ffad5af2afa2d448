import { existsSync } from "node:fs";
import type { KeyLock } from "@gridmesh/node";
import { UsageError } from "../usage-error.ts";
import type { Invocation, Verb } from "../invocation.ts";

/** A key that is there already opens with what it was sealed with; a new one is sealed where that was asked for. */
async function lockFor({ paths, io, options }: Invocation): Promise<KeyLock> {
  const { loadConfig } = await import("../../config/load.ts");
  const { lockOf, newPassphrase } = await import("../../passphrase.ts");
  const { config } = loadConfig({ home: paths.home, env: io.env, flags: {} });
  const lock = await lockOf({ paths, config, io });
  if (options["passphrase"] !== true || lock.sealed || existsSync(paths.identity)) return lock;
  const { keyLock } = await import("@gridmesh/node");
  return keyLock(await newPassphrase(io));
}

export const init: Verb = (command, attach) => {
  command
    .option("--profile <name>", "testnet, lan or public", "lan")
    .option("--passphrase", "seal the keys with a passphrase that is asked for");
  attach(command, async (invocation) => {
    const profile = String(invocation.options["profile"]);
    const { profileDefaults } = await import("../../config/profiles.ts");
    if (!Object.hasOwn(profileDefaults, profile)) {
      throw new UsageError(
        `unknown profile "${profile}"`,
        `gridmesh init --profile ${Object.keys(profileDefaults).join("|")}`,
      );
    }
    const { initHome } = await import("../../init-home.ts");
    const lock = await lockFor(invocation);
    const { peerId, files } = await initHome(invocation.paths, { profile, lock });
    const made =
      files.length === 0
        ? "everything was there already\n"
        : files.map((file) => `made     ${file}\n`).join("");
    invocation.print({ peerId, files }, `peer     ${peerId}\n${made}next     ${invocation.gridmesh} start\n`);
    return 0;
  });
};
