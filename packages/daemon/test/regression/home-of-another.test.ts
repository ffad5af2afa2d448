import assert from "node:assert/strict";
import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import { homePaths, makeHome } from "../../src/home.ts";

const skip = process.getuid?.() === 0 ? false : "only root can give a folder to somebody else";

test("the home of another user is refused, by root too", { skip }, () => {
  const home = mkdtempSync(join(tmpdir(), "gm-"));
  try {
    makeHome(homePaths(home, {}));
    chownSync(home, 12_345, 12_345);
    assert.throws(
      () => makeHome(homePaths(home, {})),
      (error) =>
        isProtocolError(error) && error.code === "IDENTITY_UNREADABLE" && /another user/.test(error.message),
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
