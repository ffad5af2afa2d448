/** Figures as people read them in the log. */

/** `2.25 kWh`: two decimals of a kWh. */
export function kWh(milliWh: number): string {
  return `${(milliWh / 1_000_000).toFixed(2)} kWh`;
}

/** `$0.15/kWh` in USD, else `0.15 EUR/kWh`. */
export function price(microPerKWh: number, currency: string): string {
  const amount = (microPerKWh / 1_000_000).toFixed(2);
  return currency === "USD" ? `$${amount}/kWh` : `${amount} ${currency}/kWh`;
}
