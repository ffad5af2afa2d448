/** What every way to forecast a day has in common. */

/** Ways to look a day ahead; `clearSky` needs the weather, the others only the past. */
export type ForecastMethod =
  | "naive24"
  | "naive168"
  | "mean7"
  | "smoothing"
  | "holtWinters"
  | "ridge"
  | "clearSky";

/** Learns whole days one after another and says what the next one will be like. */
export interface DayForecaster {
  readonly method: ForecastMethod;
  /** One day's values in order, as many each day; weekdays count 0 … 6 from any day on, the same in every call. */
  learn(day: ArrayLike<number>, weekday: number): void;
  /** The values of the day after the last one learnt; null before enough days were. */
  next(weekday: number): Float64Array | null;
}
