import assert from "node:assert/strict";
import { test } from "node:test";
import { learningExperiment, marketExperiment } from "@gridmesh/energy";

test("E4: told the truth, call-uniform gains all there is, and no mechanism pays out more than it takes in", (t) => {
  const rows = marketExperiment({ seed: 1, auctions: 40 });
  for (const { mechanism, traders, efficiency, meanPriceMicroPerKWh, sellerShare, surplusMicro } of rows) {
    const price = meanPriceMicroPerKWh === null ? "-" : (meanPriceMicroPerKWh / 1e6).toFixed(4);
    t.diagnostic(
      `${mechanism.padEnd(16)} ${traders.padEnd(18)} efficiency ${efficiency.toFixed(3)}  price ${price}  sellers ${sellerShare.toFixed(2)}`,
    );
    assert.ok(efficiency <= 1 + 1e-12 && surplusMicro >= 0, `${mechanism} ${traders}`);
  }
  const of = (mechanism: string, traders = "truthful") =>
    rows.find((row) => row.mechanism === mechanism && row.traders === traders)!;
  assert.equal(of("call-uniform").efficiency.toFixed(9), "1.000000000");
  assert.equal(of("call-pay-as-bid").efficiency, of("call-uniform").efficiency);
  assert.ok(of("call-pay-as-bid").sellerShare > of("call-uniform").sellerShare);
  assert.ok(of("trade-reduction").efficiency < 1 && of("trade-reduction").efficiency > 0.8);
  assert.ok(of("trade-reduction").surplusMicro > 0);
  for (const mechanism of ["cda", "gsy-pay-as-bid"])
    assert.ok(of(mechanism).efficiency < 1, `${mechanism} gains all there is`);
  for (const traders of ["ramp", "zip", "zero-intelligence"])
    assert.ok(of("call-uniform", traders).efficiency < 1, `${traders} tells the truth`);
  assert.deepEqual(marketExperiment({ seed: 1, auctions: 40 }), rows);
});

test("E4: traders who learn their margin from prices gain at least 0.85 of all there is in every week", (t) => {
  const weeks = learningExperiment({ seed: 1 });
  assert.equal(weeks.length, 8);
  for (const { week, meanPriceMicroPerKWh, efficiency } of weeks) {
    const price = ((meanPriceMicroPerKWh ?? 0) / 1e6).toFixed(4);
    if (week === 1 || week === 8)
      t.diagnostic(`week ${week}: ${price} per kWh, efficiency ${efficiency.toFixed(3)}`);
    assert.ok(efficiency >= 0.85, `week ${week}: ${efficiency}`);
  }
});
