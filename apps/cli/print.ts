import { field } from './platform.ts';

/** Prints an answer as indented JSON. */
export function printResult(result: unknown): void {
  console.log(JSON.stringify(result ?? null, null, 2));
}

/** Prints rows as aligned columns; whatever is not a list of rows is printed as JSON. */
export function printTable(rows: unknown, columns: readonly string[]): void {
  if (!Array.isArray(rows)) {
    printResult(rows);
    return;
  }
  const cells = [
    columns,
    ...rows.map((row: unknown) => columns.map((column) => String(field(row, column) ?? ''))),
  ];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => (line[at] ?? '').length)));
  for (const line of cells)
    console.log(
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}
