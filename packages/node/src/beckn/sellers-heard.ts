/** Says who can be bought from, whenever that changes: the source's gateway did, here every node can. */

import { type BecknPorts, SELL_CAPABILITY } from "./ports.ts";

/** Records arrive in a burst when nodes meet: one line for all of them. */
const SETTLE_MS = 1_000;

export function tellSellers({ registry, clock, log }: BecknPorts): Disposable {
  let told = "";
  let timer: Disposable | undefined;
  const tell = () => {
    timer = undefined;
    const names = registry
      .known()
      .filter((row) => row.presence !== "gone" && row.capabilities.includes(SELL_CAPABILITY))
      .map((row) => `'${row.name}'`)
      .toSorted();
    const list = names.join(", ");
    if (list === told) return;
    told = list;
    log.info("registry.changed", `Registered BPPs: [${list}]`, { sellers: names.length });
  };
  const arm = () => {
    timer ??= clock.timer(SETTLE_MS, tell);
  };
  const listener = registry.onChange(arm);
  arm();
  return {
    [Symbol.dispose]() {
      listener[Symbol.dispose]();
      timer?.[Symbol.dispose]();
    },
  };
}
