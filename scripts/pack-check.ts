/** Checks what would be published: every package's manifest, exports and types, from its built dist. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const packages = readdirSync("packages");
let failed = false;

for (const name of packages) {
  const folder = join("packages", name);
  const target = mkdtempSync(join(tmpdir(), "gridmesh-pack-"));
  try {
    execFileSync("npm", ["pack", "--silent", "--pack-destination", target], { cwd: folder, stdio: "pipe" });
    const tarball = join(target, readdirSync(target)[0] ?? "");
    execFileSync("publint", ["run", tarball, "--strict"], { stdio: "pipe" });
    execFileSync("attw", [tarball, "--profile", "esm-only"], { stdio: "pipe" });
    console.log(`${name}: ok`);
  } catch (error) {
    failed = true;
    const { stdout, stderr } = error as { stdout?: Buffer; stderr?: Buffer };
    console.log(`${name}: FAILED\n${stdout?.toString() ?? ""}${stderr?.toString() ?? String(error)}`);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}
process.exitCode = failed ? 1 : 0;
