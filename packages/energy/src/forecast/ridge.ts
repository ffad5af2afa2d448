/** A linear model per hour, fitted again every week to the last half year. */

import type { DayForecaster } from "./method.ts";
import { meanOf } from "./naive.ts";

const PENALTY = 1;
const WINDOW_DAYS = 180;
const REFIT_DAYS = 7;
const WEEK = 7;
/** Fewer examples than this say nothing. */
const LEAST_EXAMPLES = 14;

/** Ridge regression on lags of 1, 2 and 7 days, the week's mean, yesterday's mean and last value, and the weekday. */
export function ridge(): DayForecaster {
  const days: Float64Array[] = [];
  const weekdays: number[] = [];
  let models: readonly Float64Array[] = [];
  let age = 0;
  return {
    method: "ridge",
    learn(day, weekday) {
      days.push(Float64Array.from(day));
      weekdays.push(weekday);
      if (days.length > WINDOW_DAYS + WEEK) {
        days.shift();
        weekdays.shift();
      }
      age += 1;
      if (days.length < WEEK + LEAST_EXAMPLES || (models.length > 0 && age < REFIT_DAYS)) return;
      age = 0;
      models = Array.from(day, (_, step) => fit(days, weekdays, step));
    },
    next(weekday) {
      if (models.length === 0) return null;
      return Float64Array.from(models, (model, step) => {
        const row = features(days, { at: days.length, weekday, step });
        return model.reduce((sum, weight, index) => sum + weight * (row[index] ?? 0), 0);
      });
    },
  };
}

function features(
  days: readonly Float64Array[],
  target: { readonly at: number; readonly weekday: number; readonly step: number },
): number[] {
  const { at, weekday, step } = target;
  const yesterday = days[at - 1] ?? new Float64Array(0);
  const row = [
    yesterday[step] ?? 0,
    days[at - 2]?.[step] ?? 0,
    days[at - WEEK]?.[step] ?? 0,
    meanOf(days.slice(at - WEEK, at), step),
    yesterday.reduce((sum, value) => sum + value, 0) / yesterday.length,
    yesterday.at(-1) ?? 0,
    1,
  ];
  for (let day = 0; day < WEEK; day += 1) row.push(day === weekday ? 1 : 0);
  return row;
}

function fit(days: readonly Float64Array[], weekdays: readonly number[], step: number): Float64Array {
  const rows: number[][] = [];
  const targets: number[] = [];
  for (let at = WEEK; at < days.length; at += 1) {
    rows.push(features(days, { at, weekday: weekdays[at] ?? 0, step }));
    targets.push(days[at]?.[step] ?? 0);
  }
  return solveRidge(rows, targets, PENALTY);
}

/** Weights w with least |Xw − y|² + penalty·|w|²: the normal equations by Cholesky. */
export function solveRidge(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  penalty: number,
): Float64Array {
  const width = rows[0]?.length ?? 0;
  const matrix = Array.from({ length: width }, () => new Float64Array(width));
  const right = new Float64Array(width);
  rows.forEach((row, index) => {
    const target = targets[index] ?? 0;
    for (let a = 0; a < width; a += 1) {
      const value = row[a] ?? 0;
      if (value === 0) continue;
      right[a] = (right[a] ?? 0) + value * target;
      const line = matrix[a];
      if (line === undefined) continue;
      for (let b = 0; b <= a; b += 1) line[b] = (line[b] ?? 0) + value * (row[b] ?? 0);
    }
  });
  matrix.forEach((line, index) => {
    line[index] = (line[index] ?? 0) + penalty;
  });
  return solvePositive(matrix, right);
}

/** Solves A·x = b for a positive definite A, of which the lower half is read and overwritten. */
function solvePositive(matrix: readonly Float64Array[], right: Float64Array): Float64Array {
  const at = (row: number, column: number): number => matrix[row]?.[column] ?? 0;
  const x = Float64Array.from(right);
  matrix.forEach((line, row) => {
    for (let column = 0; column <= row; column += 1) {
      let sum = at(row, column);
      for (let k = 0; k < column; k += 1) sum -= at(row, k) * at(column, k);
      line[column] = column === row ? Math.sqrt(sum) : sum / at(column, column);
    }
    for (let k = 0; k < row; k += 1) x[row] = (x[row] ?? 0) - at(row, k) * (x[k] ?? 0);
    x[row] = (x[row] ?? 0) / at(row, row);
  });
  for (let row = x.length - 1; row >= 0; row -= 1) {
    for (let k = row + 1; k < x.length; k += 1) x[row] = (x[row] ?? 0) - at(k, row) * (x[k] ?? 0);
    x[row] = (x[row] ?? 0) / at(row, row);
  }
  return x;
}
