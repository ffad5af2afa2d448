import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  checkHelloAck,
  compareVersions,
  featureNames,
  featureOffer,
  type HelloOffer,
  helloHash,
  knownFeatures,
  messageSchemas,
  negotiate,
  ownOffer,
} from "@gridmesh/protocol";

const offer = (versions: readonly string[], more: Partial<HelloOffer> = {}): HelloOffer => ({
  supported_versions: versions,
  preferred_version: versions[0] ?? "1.0",
  required_features: ["encryption"],
  optional_features: [],
  network: "test",
  software: "gridmesh",
  ...more,
});

test("versions are numbers, not text", () => {
  assert.ok(compareVersions("1.10", "1.9") > 0);
  assert.ok(compareVersions("2.0", "1.99") > 0);
  assert.equal(compareVersions("1.1", "1.1"), 0);
  for (const text of ["1", "1.", "01.1", "1.1.1", "-1.0", ""]) {
    assert.throws(() => compareVersions(text, "1.0"), { code: "VERSION_UNSUPPORTED" });
  }
});

/** Both sides support every version up to their own; the selected one is the lower of the two. */
test("every pair of 1.0, 1.1 and 1.2 meets at the lower, seen from both sides", () => {
  const all = ["1.2", "1.1", "1.0"];
  for (let mine = 0; mine < 3; mine++) {
    for (let theirs = 0; theirs < 3; theirs++) {
      const a = offer(all.slice(mine));
      const b = offer(all.slice(theirs));
      assert.equal(negotiate(a, b).selected_version, all[Math.max(mine, theirs)]);
      assert.deepEqual(negotiate(a, b), negotiate(b, a));
    }
  }
});

test("no common version is told with the list of ours", () => {
  assert.throws(() => negotiate(offer(["1.1"]), offer(["1.2"])), {
    code: "VERSION_UNSUPPORTED",
    data: { supported_versions: ["1.1"] },
  });
});

test("a preference is an upper bound where a common version lies below it", () => {
  const careful = offer(["1.2", "1.1", "1.0"], { preferred_version: "1.1" });
  assert.equal(negotiate(careful, offer(["1.2", "1.1"])).selected_version, "1.1");
  assert.equal(negotiate(careful, offer(["1.2"])).selected_version, "1.2");
});

test("features are what is required and what both have", () => {
  const a = offer(["1.1"], {
    required_features: ["encryption", "leases"],
    optional_features: ["cbor", "e2e"],
  });
  const b = offer(["1.1"], { optional_features: ["leases", "e2e", "resume"] });
  assert.deepEqual(negotiate(a, b).features, ["e2e", "encryption", "leases"]);
  assert.deepEqual(negotiate(b, a), negotiate(a, b));
  assert.throws(() => negotiate(a, offer(["1.1"])), {
    code: "FEATURE_REQUIRED",
    data: { features: ["leases"] },
  });
  assert.throws(() => negotiate(offer(["1.1"]), a), { code: "FEATURE_REQUIRED" });
});

test("another network is refused first", () => {
  assert.throws(() => negotiate(offer(["1.1"]), offer(["9.9"], { network: "other" })), {
    code: "NETWORK_MISMATCH",
  });
});

test("the dialer sees through an altered hello_ack", () => {
  const hello = { type: "hello", ...offer(["1.1", "1.0"]) };
  const theirs = offer(["1.1", "1.0"]);
  const ack = { ...theirs, ...negotiate(theirs, hello), hello_hash: helloHash(hello) };
  assert.deepEqual(checkHelloAck(hello, ack), { selected_version: "1.1", features: ["encryption"] });
  const altered = [
    { ...ack, selected_version: "1.0" },
    { ...ack, features: [] },
    { ...ack, hello_hash: helloHash({ ...hello, supported_versions: ["1.0"] }) },
  ];
  for (const it of altered) assert.throws(() => checkHelloAck(hello, it), { code: "MESSAGE_MALFORMED" });
  assert.match(ack.hello_hash, /^sha256:[0-9a-f]{64}$/);
});

test("our own offer is a valid hello", () => {
  const body = messageSchemas.get("hello")?.body;
  assert.ok(body?.safeParse(ownOffer("test", "gridmesh/0.1.0")).success);
});

test("features are offered as they are configured, encryption always", () => {
  const { required_features, optional_features } = ownOffer("test", "gridmesh/0.1.0", {
    features: { compression: "required", streaming: "optional", cbor: "optional", protobuf: "off" },
  });
  assert.deepEqual(required_features, ["compression", "encryption"]);
  assert.deepEqual(optional_features, ["cbor", "streaming"]);
  assert.deepEqual(featureOffer().optional_features, ["cbor"]);
  for (const stance of ["off", "optional"] as const) {
    assert.throws(() => ownOffer("test", "x", { features: { encryption: stance } }), {
      code: "CONFIG_INVALID",
    });
  }
});

test("of the features agreed on, those this protocol names are known", () => {
  assert.deepEqual([...knownFeatures(["encryption", "teleport", "cbor"])], ["encryption", "cbor"]);
  assert.equal(new Set(featureNames).size, 11);
});

test("a node may offer fewer versions than its code has, and no others", () => {
  const old = ownOffer("test", "x", { supportedVersions: ["1.0"] });
  assert.deepEqual([old.supported_versions, old.preferred_version], [["1.0"], "1.0"]);
  assert.equal(negotiate(old, ownOffer("test", "x")).selected_version, "1.0");
  const careful = ownOffer("test", "x", { preferredVersion: "1.0" });
  assert.equal(negotiate(careful, ownOffer("test", "x")).selected_version, "1.0");
  for (const options of [
    { supportedVersions: ["1.2"] },
    { supportedVersions: [] },
    { supportedVersions: ["1.0"], preferredVersion: "1.1" },
  ]) {
    assert.throws(() => ownOffer("test", "x", options), { code: "CONFIG_INVALID" });
  }
});

/** Each side may support any of the three, and prefer any that it supports. */
const anyVersions = fc
  .subarray(["1.0", "1.1", "1.2"], { minLength: 1 })
  .chain((versions) =>
    fc.record({ versions: fc.constant(versions), preferred: fc.constantFrom(...versions) }),
  );

test("any two sides find the same version, common to both and as high as their preferences allow", () => {
  fc.assert(
    fc.property(anyVersions, anyVersions, (a, b) => {
      const mine = offer(a.versions, { preferred_version: a.preferred });
      const theirs = offer(b.versions, { preferred_version: b.preferred });
      const common = a.versions.filter((version) => b.versions.includes(version));
      if (common.length === 0) {
        assert.throws(() => negotiate(mine, theirs), { code: "VERSION_UNSUPPORTED" });
        return;
      }
      const { selected_version: selected } = negotiate(mine, theirs);
      assert.deepEqual(negotiate(theirs, mine).selected_version, selected);
      const lower = a.preferred < b.preferred ? a.preferred : b.preferred;
      const within = common.filter((version) => version <= lower);
      assert.equal(selected, (within.length > 0 ? within : common).toSorted().at(-1));
    }),
  );
});

test("whoever changes one field of a hello on its way is found out by the dialer", () => {
  const hello = {
    type: "hello",
    ...offer(["1.1", "1.0"], { optional_features: ["cbor", "leases"] }),
    nonce: "n",
    timestamp: 1,
  };
  const theirs = offer(["1.1", "1.0"], { optional_features: ["cbor", "leases"] });
  const seen: (typeof hello)[] = [
    { ...hello, supported_versions: ["1.0"], preferred_version: "1.0" },
    { ...hello, optional_features: ["leases"] },
    { ...hello, required_features: ["encryption", "cbor"] },
    { ...hello, software: "other" },
    { ...hello, timestamp: 2 },
  ];
  for (const altered of seen) {
    const ack = { ...theirs, ...negotiate(theirs, altered), hello_hash: helloHash(altered) };
    assert.throws(() => checkHelloAck(hello, ack), { code: "MESSAGE_MALFORMED" });
  }
});
