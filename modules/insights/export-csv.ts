import type { CampaignReport } from './contract.ts';
import { figuresOf } from './narrative.ts';

/** A report as CSV with three columns: every figure, then the days, channels and variants. */
export function reportCsv(report: CampaignReport): string {
  const rows: (readonly (string | number)[])[] = [['section', 'name', 'value']];
  for (const [name, value] of figuresOf(report)) rows.push(['report', name, value]);
  for (const day of report.daily) {
    rows.push(['day', `${day.day} treated`, day.treated], ['day', `${day.day} control`, day.control]);
  }
  for (const { channel, variantId, ...counts } of [...report.channels, ...report.variants]) {
    const place = variantId === undefined ? channel : `${channel}/${variantId}`;
    for (const [name, value] of Object.entries(counts)) rows.push(['channel', `${place} ${name}`, value]);
  }
  for (const [language, sentence] of Object.entries(report.narrative))
    rows.push(['narrative', language, sentence]);
  return rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

/** Quotes where needed; text that a spreadsheet would run as a formula is kept from it by an apostrophe. */
function csvField(value: string | number): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
