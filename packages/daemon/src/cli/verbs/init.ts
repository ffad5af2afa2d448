import { UsageError } from "../usage-error.ts";
import type { Verb } from "../invocation.ts";

export const init: Verb = (command, attach) => {
  command.option("--profile <name>", "testnet, lan or public", "lan");
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
    const { peerId, files } = await initHome(invocation.paths, profile);
    const made =
      files.length === 0
        ? "everything was there already\n"
        : files.map((file) => `made     ${file}\n`).join("");
    invocation.print({ peerId, files }, `peer     ${peerId}\n${made}next     gridmesh start\n`);
    return 0;
  });
};
