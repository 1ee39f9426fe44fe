import { loadExample, startExampleBank } from '../bank.ts';
import { type CheckedFigure, checkFigures, missingFile, readFigures } from '../figures.ts';

/** What to set when the data is not there. */
export const missingRetail = (datasets: string | undefined): Promise<string | undefined> =>
  missingFile(
    datasets,
    'online-retail/OnlineRetail.parquet',
    '"online-retail" with OnlineRetail.parquet, the UCI set "Online Retail" (541,909 invoice lines) with the columns InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID and Country',
  );

export interface RetailOutcome {
  /** What the load read, loaded, refused and remarked. */
  readonly load: readonly string[];
  readonly figures: readonly CheckedFigure[];
  /** Customers by the month of their first purchase. */
  readonly cohorts: readonly { readonly cohort: string; readonly customers: number }[];
}

/** Loads the invoices, computes recency, frequency, monetary value and cohorts, and compares the published figures. */
export async function runOnlineRetail(
  options: { keep?: (home: string) => void } = {},
): Promise<RetailOutcome> {
  const bank = await startExampleBank({
    name: 'Online Retail',
    currency: 'GBP',
    zone: 'Europe/London',
    keep: options.keep !== undefined,
  });
  try {
    const load = await loadExample(bank, 'online_retail', new URL('.', import.meta.url));
    const figures = await checkFigures(
      bank,
      'online_retail',
      await readFigures(new URL('figures.json', import.meta.url)),
    );
    const { statistics } = await bank.platform.tags.get('cohort');
    const cohorts = (statistics?.distribution.top ?? [])
      .map(({ value, customers }) => ({ cohort: String(value), customers }))
      .toSorted((a, b) => a.cohort.localeCompare(b.cohort));
    return { load, figures, cohorts };
  } finally {
    await bank.stop();
    options.keep?.(bank.home);
  }
}
