import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { ReadStream } from "node:tty";
import { askSecretAt } from "../src/cli/secret.ts";
import { loadConfig } from "../src/config/load.ts";
import { homePaths } from "../src/home.ts";
import { storedPassphrase } from "../src/passphrase.ts";
import { temporaryHome } from "./running.ts";

function stored(home: string, env: Record<string, string>, flags: Record<string, string> = {}) {
  const { config } = loadConfig({ home, env, flags });
  return storedPassphrase({ paths: homePaths(home, {}), config, env });
}

test("a passphrase comes from the file of the settings, else from the credential, never from a value", () => {
  using temporary = temporaryHome();
  const { home } = temporary;
  const credentials = join(home, "credentials");
  mkdirSync(credentials, { mode: 0o700 });
  const env = { CREDENTIALS_DIRECTORY: credentials };
  assert.equal(stored(home, {}), undefined);
  assert.equal(stored(home, env), undefined, "other credentials may lie there alone");
  // systemd shows it as open to a group that has nobody in it.
  writeFileSync(join(credentials, "gridmesh-passphrase"), "from systemd\n", { mode: 0o440 });
  assert.equal(stored(home, env), "from systemd");

  const file = join(home, "secret");
  const flags = { "identity.passphraseFile": "secret" };
  assert.throws(() => stored(home, env, flags), { code: "IDENTITY_UNREADABLE", message: /cannot be opened/ });
  writeFileSync(file, "from a file\r\n", { mode: 0o600 });
  assert.equal(stored(home, env, flags), "from a file");
  assert.equal(stored(home, { ...env, GRIDMESH_IDENTITY_PASSPHRASE_FILE: "secret" }), "from a file");
  chmodSync(file, 0o604);
  assert.throws(() => stored(home, env, flags), { code: "IDENTITY_UNREADABLE", message: /run: chmod 600/ });
  chmodSync(file, 0o600);
  for (const [text, why] of [
    ["short", /fewer than 8/],
    ["two lines\nof it\n", /more than one line/],
    ["x".repeat(2_000), /more than 1024 bytes/],
  ] as const) {
    writeFileSync(file, text);
    assert.throws(
      () => stored(home, env, flags),
      (error: Error) => why.test(error.message) && !error.message.includes(text),
    );
  }
  symlinkSync(file, join(home, "link"));
  assert.throws(() => stored(home, {}, { "identity.passphraseFile": "link" }), { message: /is a link/ });
});

test("what is typed at the terminal is not shown, may be corrected, and waits for its question", async () => {
  const raw: boolean[] = [];
  const terminal = Object.assign(new PassThrough(), { setRawMode: (on: boolean) => void raw.push(on) });
  let shown = "";
  const ask = askSecretAt(terminal as unknown as ReadStream, (text) => (shown += text));
  const first = ask("one: ");
  terminal.write("secrex\u007ft");
  terminal.write("s\rtyped ahead\r");
  assert.equal(await first, "secrets");
  assert.equal(await ask("two: "), "typed ahead");
  assert.equal(shown, "one: \ntwo: \n");
  assert.deepEqual(raw, [true, false, true, false]);
});
