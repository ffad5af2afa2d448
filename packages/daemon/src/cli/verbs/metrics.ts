import type { Verb } from "../invocation.ts";

export const metrics: Verb = (command, attach) => {
  attach(command, async (invocation) => {
    const daemon = await invocation.daemon();
    if (invocation.json) {
      invocation.print({ families: await daemon.metricFamilies(invocation.wait) }, "");
      return 0;
    }
    invocation.io.out(await daemon.metricsText(invocation.wait));
    return 0;
  });
};
