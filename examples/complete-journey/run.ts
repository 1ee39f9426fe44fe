// `npm run example:complete-journey [-- --keep]`: a real campaign funnel by audiences of events. Ends with 1 when a
// published figure differs, with 2 when the data is not there.
import { printFigures } from '../figures.ts';
import { missingJourney, runCompleteJourney } from './complete-journey.ts';

const absent = await missingJourney(process.env.RAPPORT_DATASETS);
if (absent !== undefined) {
  console.error(absent);
  process.exit(2);
}
const keep = process.argv.includes('--keep');
const { load, funnel, figures } = await runCompleteJourney(
  keep ? { keep: (home) => console.log(`Kept: RAPPORT_HOME=${home} npm start -- --empty\n`) } : {},
);
for (const line of load) console.log(line);
console.log('\nFunnel (households once for each campaign)');
for (const { type, campaigns, targeted, redeemed, rate } of funnel)
  console.log(`${type}: ${campaigns} campaigns, ${targeted} targeted, ${redeemed} redeemed, ${rate} %`);
console.log('\nPublished figures');
if (!printFigures(figures)) process.exitCode = 1;
