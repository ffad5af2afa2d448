import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isProtocolError } from "@gridmesh/protocol";
import * as fc from "fast-check";
import { run } from "../src/cli/index.ts";
import { withSetting } from "../src/config/edit.ts";
import { loadConfig, resolveConfig } from "../src/config/load.ts";
import { locate } from "../src/config/locate.ts";
import { profileDefaults } from "../src/config/profiles.ts";
import { parseConfig } from "../src/config/read-file.ts";
import { settings } from "../src/config/schema.ts";
import { profiles } from "../../node/src/network/profiles.ts";
import { memoryIo } from "./memory-io.ts";

const nothing = { env: {}, flags: {} };

function refusal(
  text: string,
  sources: { env?: Record<string, string>; flags?: Record<string, string> } = {},
): string {
  try {
    resolveConfig(parseConfig(text), { ...nothing, ...sources });
  } catch (error) {
    assert.ok(isProtocolError(error), String(error));
    assert.equal(error.code, "CONFIG_INVALID");
    return error.message;
  }
  throw new assert.AssertionError({ message: "the configuration was accepted" });
}

test("an empty file gives every default", () => {
  const { config, values } = resolveConfig(parseConfig(""), nothing);
  assert.equal(config.profile, "lan");
  assert.equal(config.network, "gridmesh");
  assert.deepEqual(config.agents, []);
  assert.equal(values.length, settings.length);
});

test("an unknown key is refused with file, line, column, table and the nearest key", () => {
  assert.equal(
    refusal('profile = "lan"\n\n[discovery]\nmdns = true\nbootstap = []\n'),
    'config.toml:5:1 unknown key "bootstap" in [discovery]. Did you mean "bootstrap"?',
  );
  assert.match(
    refusal('profil = "lan"\n'),
    /^config\.toml:1:1 unknown key "profil"\. Did you mean "profile"\?/,
  );
  assert.match(refusal("mdns = false\n"), /unknown key "mdns"\. Did you mean "discovery\.mdns"\?/);
  assert.match(
    refusal('[[agents]]\nname = "a"\nmodule = "m"\nfactroy = "f"\n'),
    /^config\.toml:4:1 unknown key "factroy" in \[agents\]\. Did you mean "factory"\?/,
  );
});

test("a wrong type is refused with file, line, column and what the key takes", () => {
  assert.match(
    refusal('\n[discovery]\n  mdns = "yes"\n'),
    /^config\.toml:3:3 discovery\.mdns: .*boolean.*discovery\.mdns takes boolean\./,
  );
  assert.match(refusal('listen = ["tcp/1"]\n'), /^config\.toml:1:11 listen\[0\]: a multiaddr begins with \//);
  assert.match(refusal('profile = "tesnet"\n'), /^config\.toml:1:1 profile: .*Did you mean "testnet"\?/);
  assert.match(refusal("drainMs = 70000\n"), /^config\.toml:1:1 drainMs: .*60000/);
});

test("floats, dates and integers beyond 2^53 are refused where they stand", () => {
  assert.match(
    refusal("\ndrainMs = 1.5\n"),
    /^config\.toml:2:1 drainMs = 1\.5 is a number with a fraction\. Write an integer/,
  );
  assert.match(
    refusal('[[agents]]\nname="a"\nmodule="m"\nfactory="f"\n[agents.options]\nday = 2017-07-12\n'),
    /^config\.toml:6:1 agents\[0\]\.options\.day is a date\./,
  );
  assert.match(
    refusal("drainMs = 9007199254740993\n"),
    /^config\.toml:1:1 drainMs = 9007199254740993 is beyond 2\^53/,
  );
});

test("a key given twice and text that is no TOML are refused with line and column", () => {
  assert.match(refusal("drainMs = 1\ndrainMs = 2\n"), /^config\.toml:2:\d+ /);
  assert.match(refusal("profile = lan\n"), /^config\.toml:1:\d+ /);
});

test("an agent name given twice is refused, naming both places", () => {
  const agent = '[[agents]]\nname = "a"\nmodule = "m"\nfactory = "f"\n';
  assert.match(
    refusal(`${agent}\n${agent}`),
    /^config\.toml:7:1 agent name "a" is already given at config\.toml:2:1\. Give each agent/,
  );
});

test("a missing member of an agent and a reserved name are told", () => {
  assert.match(
    refusal('[[agents]]\nname = "a"\nmodule = "m"\n'),
    /^config\.toml:1:1 agents\[0\]\.factory is missing/,
  );
  assert.match(refusal('[[agents]]\nname = "local"\nmodule = "m"\nfactory = "f"\n'), /no agent names/);
});

test("a conflict names both settings and where each comes from", () => {
  assert.match(
    refusal("\n[lab]\nclockSpeed = 60\n"),
    /^config\.toml:3:1 lab\.clockSpeed changes market time, which only a lab may: it conflicts with lab\.enabled \(default\)\. Set lab\.enabled = true/,
  );
  assert.match(
    refusal('[discovery]\nbootstrap = ["/ip4/1.2.3.4/tcp/4801"]\n', { env: { GRIDMESH_PROFILE: "public" } }),
    /^config\.toml:2:1 discovery\.bootstrap .* conflicts with profile \(env GRIDMESH_PROFILE\)\./,
  );
  assert.match(
    refusal("", { flags: { "discovery.dhtMode": "server", "discovery.dht": "false" } }),
    /^flag --discovery-dht-mode .*flag --discovery-dht/,
  );
  assert.match(refusal('[status]\nhosts = ["gateway"]\n'), /conflicts with status\.listen/);
});

test("what a profile proposes is no conflict with what somebody set", () => {
  const { config } = resolveConfig(parseConfig('profile = "testnet"\n[discovery]\ndht = false\n'), nothing);
  assert.equal(config.discovery.dht, false);
});

test("all problems of a file are told at once", () => {
  try {
    resolveConfig(parseConfig("a = 1\nb = 2\n"), nothing);
    assert.fail("accepted");
  } catch (error) {
    assert.ok(isProtocolError(error));
    assert.match(error.message, /\(1 more: gridmesh config validate\)$/);
    assert.equal((error.data?.["problems"] as unknown[] | undefined)?.length, 2);
  }
});

test("flags beat the environment, that beats the file, that beats the profile, and show says which", () => {
  const file = parseConfig(
    'profile = "testnet"\ndrainMs = 100\n\n[log]\nlevel = "warn"\n[discovery]\nmdns = true\n',
  );
  const { config, values } = resolveConfig(file, {
    env: {
      GRIDMESH_LOG_LEVEL: "debug",
      GRIDMESH_DRAIN_MS: "200",
      GRIDMESH_LISTEN: "/ip4/127.0.0.1/tcp/1, /ip4/127.0.0.1/tcp/2",
    },
    flags: { drainMs: "300" },
  });
  const origin = (key: string) => values.find((value) => value.key === key)?.origin;
  assert.equal(config.drainMs, 300);
  assert.equal(origin("drainMs"), "flag --drain-ms");
  assert.equal(config.log.level, "debug");
  assert.equal(origin("log.level"), "env GRIDMESH_LOG_LEVEL");
  assert.equal(origin("discovery.mdns"), "config.toml:7:1");
  assert.equal(origin("discovery.dhtMode"), "profile testnet");
  assert.equal(origin("network"), "default");
  assert.deepEqual(config.listen, ["/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/2"]);
});

test("a flag or variable of the wrong form is refused by its own name", () => {
  assert.match(
    refusal("", { flags: { "discovery.mdns": "yes" } }),
    /^flag --discovery-mdns discovery\.mdns cannot be "yes"\. It takes boolean\./,
  );
  assert.match(
    refusal("", { env: { GRIDMESH_DRAIN_MS: "1.5" } }),
    /^env GRIDMESH_DRAIN_MS drainMs cannot be "1\.5"/,
  );
  assert.match(refusal("", { env: { GRIDMESH_LOG_LEVELS: "network=loud" } }), /^env GRIDMESH_LOG_LEVELS/);
});

test("a variable of our prefix that is no setting warns and names the nearest", () => {
  const { warnings } = resolveConfig(parseConfig(""), {
    env: { GRIDMESH_DRAINMS: "1", GRIDMESH_SERVICE_HOST: "x", GRIDMESH_HOME: "/x" },
    flags: {},
  });
  assert.deepEqual(warnings, ["GRIDMESH_DRAINMS is no setting. Did you mean GRIDMESH_DRAIN_MS?"]);
});

test("profile defaults are those of the node's own profiles", () => {
  for (const [name, values] of Object.entries(profileDefaults)) {
    const profile = profiles[name as keyof typeof profiles];
    assert.deepEqual(values["listen"], profile.listen);
    assert.equal(values["discovery.mdns"], profile.mdns);
    assert.equal(values["discovery.dhtMode"], profile.dhtMode);
  }
});

test("a file's agents keep their options, with integers as numbers", () => {
  const { config } = resolveConfig(
    parseConfig(
      '[[agents]]\nname = "home-1"\naccess = "network"\nmodule = "./m.ts"\nfactory = "f"\n[agents.options]\ncapacityWh = 15_000\ntags = ["a", "b"]\n',
    ),
    nothing,
  );
  assert.deepEqual(config.agents, [
    {
      name: "home-1",
      access: "network",
      module: "./m.ts",
      factory: "f",
      options: { capacityWh: 15_000, tags: ["a", "b"] },
    },
  ]);
});

test("every key of a text is found at its line and column", () => {
  const text = [
    "# a comment with = and [brackets]",
    'plain = "x" # trailing',
    "'quoted key' = 1",
    'long = """',
    "[not] = a table",
    '"""',
    "list = [ # first",
    '  "a,]", { inner = true },',
    "]",
    "[one.two]",
    "a.b = 1",
    "[[rows]]",
    "n = 1",
    "  [[rows]]",
    "n = 2",
    "[rows.deep]",
    "d = { e = 1, f = [1, 2] }",
  ].join("\n");
  parseConfig(text);
  const places = locate(text);
  const at = (path: (string | number)[]) => {
    const place = places.exact(path);
    return place === undefined ? undefined : `${place.line}:${place.column}`;
  };
  assert.equal(at(["plain"]), "2:1");
  assert.equal(at(["quoted key"]), "3:1");
  assert.equal(at(["long"]), "4:1");
  assert.equal(at(["list", 0]), "8:3");
  assert.equal(at(["list", 1, "inner"]), "8:12");
  assert.equal(at(["one", "two", "a", "b"]), "11:1");
  assert.equal(at(["rows", 0, "n"]), "13:1");
  assert.equal(at(["rows", 1]), "14:3");
  assert.equal(at(["rows", 1, "n"]), "15:1");
  assert.equal(at(["rows", 1, "deep", "d", "f", 1]), "17:22");
});

test("setting a value changes its own bytes and no others", () => {
  const text =
    '# why lan\nprofile = "lan"   # here\n\n[log] # words\nlevel = "info"\n\n[[agents]]\nname = "a"\nmodule = "m"\nfactory = "f"\n';
  const setting = (key: string) => settings.find((candidate) => candidate.key === key)!;
  assert.equal(withSetting(text, setting("profile"), "testnet"), text.replace('"lan"', '"testnet"'));
  assert.equal(
    withSetting(text, setting("log.format"), "json"),
    text.replace("[log] # words\n", '[log] # words\nformat = "json"\n'),
  );
  assert.equal(
    withSetting(text, setting("drainMs"), 5),
    text.replace("[log] # words", "drainMs = 5\n[log] # words"),
  );
  assert.equal(withSetting(text, setting("lab.enabled"), true), `${text}\n[lab]\nenabled = true\n`);
  assert.equal(withSetting("", setting("drainMs"), 5), "drainMs = 5\n");
});

test("whatever is set is read back, and every line that was there before is still there", () => {
  const lines = [
    "# note",
    'profile = "lan"',
    "",
    "[discovery] # d",
    "mdns = true",
    "",
    "[log]",
    'level = "warn" # quiet',
  ];
  fc.assert(
    fc.property(
      fc.subarray(lines, { minLength: 0 }),
      fc.constantFrom("drainMs", "lab.clockSpeed"),
      fc.integer({ min: 1, max: 10_000 }),
      (some, key, value) => {
        const text =
          some.includes("mdns = true") && !some.includes("[discovery] # d")
            ? ""
            : some.filter((line) => !line.startsWith("level") || some.includes("[log]")).join("\n");
        const setting = settings.find((candidate) => candidate.key === key)!;
        const changed = withSetting(text, setting, value);
        const file = parseConfig(changed);
        assert.equal(
          setting.path.reduce((tree: unknown, part) => (tree as Record<string, unknown>)[part], file.tree),
          value,
        );
        for (const line of text.split("\n")) assert.ok(changed.split("\n").includes(line), `${line} is gone`);
      },
    ),
    { numRuns: 300 },
  );
});

test("any text is a configuration or CONFIG_INVALID", () => {
  const pieces = fc.constantFrom(
    "profile",
    "=",
    '"lan"',
    "[",
    "]",
    "[[agents]]",
    "\n",
    "name",
    "1",
    "1.5",
    "#",
    "{",
    "}",
    ".",
    "'",
    '"""',
    ",",
    "true",
    "discovery",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 25 }), (parts) => {
      try {
        resolveConfig(parseConfig(parts.join(" ").replaceAll(" \n ", "\n")), nothing);
      } catch (error) {
        assert.ok(isProtocolError(error) && error.code === "CONFIG_INVALID", String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});

test("config set edits the file in place, config show gives each origin, config validate tells the place of an error", async () => {
  const home = mkdtempSync(join(tmpdir(), "gm-config-"));
  try {
    const file = join(home, "config.toml");
    writeFileSync(file, '# mine\n[log] # quiet please\nlevel = "info"\n');
    const io = memoryIo();
    assert.equal(await run(["config", "set", "log.level", "warn", "--home", home], io), 0);
    assert.equal(readFileSync(file, "utf8"), '# mine\n[log] # quiet please\nlevel = "warn"\n');

    const shown = memoryIo();
    assert.equal(await run(["config", "show", "log.level", "--json", "--home", home], shown), 0);
    assert.deepEqual(JSON.parse(shown.stdout()), {
      schemaVersion: 1,
      values: [{ key: "log.level", value: "warn", origin: "config.toml:3:1", needsRestart: true }],
    });

    const refused = memoryIo();
    assert.equal(await run(["config", "set", "log.level", "loud", "--home", home], refused), 2);
    assert.match(refused.stderr(), /^CONFIG_INVALID argument log\.level cannot be "loud"/);
    assert.equal(readFileSync(file, "utf8"), '# mine\n[log] # quiet please\nlevel = "warn"\n');

    writeFileSync(file, '[log]\nlevle = "info"\n');
    const broken = memoryIo();
    assert.equal(await run(["config", "validate", "--home", home], broken), 2);
    assert.match(
      broken.stderr(),
      /^CONFIG_INVALID config\.toml:2:1 unknown key "levle" in \[log\]\. Did you mean "level"\? → /,
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test("a file that is not there reads as an empty one", () => {
  const home = mkdtempSync(join(tmpdir(), "gm-config-"));
  try {
    assert.equal(loadConfig({ home, ...nothing }).config.profile, "lan");
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
