// `npm run example:online-retail [-- --keep]`: recency, frequency, monetary value and cohorts of a shop's invoices, and
// every published figure of them. Ends with 1 when one differs, with 2 when the data is not there.
import { printFigures } from '../figures.ts';
import { missingRetail, runOnlineRetail } from './online-retail.ts';

const absent = await missingRetail(process.env.RAPPORT_DATASETS);
if (absent !== undefined) {
  console.error(absent);
  process.exit(2);
}
const keep = process.argv.includes('--keep');
const { load, figures, cohorts } = await runOnlineRetail(
  keep ? { keep: (home) => console.log(`Kept: RAPPORT_HOME=${home} npm start -- --empty\n`) } : {},
);
for (const line of load) console.log(line);
console.log('\nPublished figures');
const holds = printFigures(figures);
console.log('\nCustomers by the month of their first purchase');
for (const { cohort, customers } of cohorts) console.log(`${cohort} ${customers.toLocaleString('en')}`);
if (!holds) process.exitCode = 1;
