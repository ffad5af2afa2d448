/** A plain two-phase simplex with Bland's rule: slow, small and independent, to check plans against. */

export interface LinearProgram {
  /** Least Σ cost·x with x ≥ 0. */
  readonly cost: readonly number[];
  readonly equal: readonly (readonly [row: readonly number[], value: number])[];
  readonly atMost: readonly (readonly [row: readonly number[], value: number])[];
}

const TINY = 1e-9;

/** The least cost, or null when nothing satisfies all rows. */
export function solve(program: LinearProgram): number | null {
  const width = program.cost.length;
  const slackCount = program.atMost.length;
  const rows = [...program.equal, ...program.atMost];
  const columns = width + slackCount + rows.length;
  const table = rows.map(([row, value], index) => {
    const line = new Float64Array(columns + 1);
    row.forEach((entry, column) => (line[column] = entry));
    if (index >= program.equal.length) line[width + index - program.equal.length] = 1;
    if (value < 0) for (let column = 0; column < columns; column += 1) line[column] = -line[column]!;
    line[width + slackCount + index] = 1;
    line[columns] = Math.abs(value);
    return line;
  });
  const basis = rows.map((_, index) => width + slackCount + index);
  const artificial = Array.from({ length: columns }, (_, column) => (column < width + slackCount ? 0 : 1));
  if (minimise({ table, basis, cost: artificial, usable: columns }) > 1e-7) return null;
  driveOut(table, basis, width + slackCount);
  const cost = Array.from({ length: columns }, (_, column) => program.cost[column] ?? 0);
  return minimise({ table, basis, cost, usable: width + slackCount });
}

/** An artificial variable left in the basis stands at 0 and must not grow: another takes its row, or the row is empty. */
function driveOut(table: readonly Float64Array[], basis: number[], usable: number): void {
  table.forEach((line, row) => {
    if (basis[row]! < usable) return;
    const column = line.subarray(0, usable).findIndex((entry) => Math.abs(entry) > TINY);
    if (column < 0) return;
    pivotOn(table, row, column);
    basis[row] = column;
  });
}

interface Tableau {
  readonly table: readonly Float64Array[];
  readonly basis: number[];
  readonly cost: readonly number[];
  /** Columns from here on never enter. */
  readonly usable: number;
}

function minimise({ table, basis, cost, usable }: Tableau): number {
  const last = cost.length;
  for (;;) {
    let entering = -1;
    for (let column = 0; column < usable && entering < 0; column += 1) {
      let reduced = cost[column]!;
      table.forEach((line, row) => (reduced -= cost[basis[row]!]! * line[column]!));
      if (reduced < -TINY) entering = column;
    }
    if (entering < 0) break;
    let leaving = -1;
    let least = Number.POSITIVE_INFINITY;
    table.forEach((line, row) => {
      const pivot = line[entering]!;
      if (pivot <= TINY) return;
      const ratio = line[last]! / pivot;
      if (ratio < least - TINY || (ratio < least + TINY && basis[row]! < basis[leaving]!)) {
        least = Math.min(least, ratio);
        leaving = row;
      }
    });
    if (leaving < 0) throw new Error("the program has no least cost");
    pivotOn(table, leaving, entering);
    basis[leaving] = entering;
  }
  return table.reduce((sum, line, row) => sum + cost[basis[row]!]! * line[last]!, 0);
}

function pivotOn(table: readonly Float64Array[], row: number, column: number): void {
  const pivotLine = table[row]!;
  const pivot = pivotLine[column]!;
  for (let index = 0; index < pivotLine.length; index += 1) pivotLine[index] = pivotLine[index]! / pivot;
  for (const line of table) {
    const factor = line[column]!;
    if (line === pivotLine || factor === 0) continue;
    for (let index = 0; index < line.length; index += 1)
      line[index] = line[index]! - factor * pivotLine[index]!;
  }
}
