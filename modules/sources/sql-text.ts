/** A text literal of the warehouse's dialect. */
export function sqlText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\0', '\\0')}'`;
}

export const sqlTexts = (texts: readonly string[]): string => texts.map(sqlText).join(', ');

/** A column or table name in backticks. */
export function sqlName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}
