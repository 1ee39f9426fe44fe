// `npm run bench:audience-prepare [-- customers …] [--tags | --index]`: makes the homes that the benchmarks of audiences
// open; with `--tags` their tags only, with `--index` their indexes anew. What is there already is kept.
import { homeOf, openHome, prepareTags } from './audience-home.ts';
import { sizesOr } from './harness.ts';

for (const customers of sizesOr([100_000, 1_000_000, 10_000_000])) {
  console.log(homeOf(customers));
  if (process.argv.includes('--tags')) await prepareTags(customers);
  else {
    const { stores, preparation } = await openHome(customers, process.argv.includes('--index'));
    await stores.stop();
    console.log(`  ${JSON.stringify(preparation)}`);
  }
}
