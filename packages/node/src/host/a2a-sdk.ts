/** A2A's SDK, loaded when the first agent needs it: a node without one starts without it. */

export async function loadA2a() {
  const [types, server, errors, old] = await Promise.all([
    import("@a2a-js/sdk"),
    import("@a2a-js/sdk/server"),
    import("@a2a-js/sdk/errors"),
    import("@a2a-js/sdk/compat/v0_3/server"),
  ]);
  return { types, server, errors, old };
}

export type A2aSdk = Awaited<ReturnType<typeof loadA2a>>;
