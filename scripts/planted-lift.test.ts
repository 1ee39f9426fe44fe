import { describe, expect, it } from 'vitest';
import { runCampaign } from './planted-lift.ts';

const RUNS = 300;

describe('the estimator on planted effects', () => {
  it.each(['rate', 'message'] as const)(
    'finds the effect of “%s” in 93–98 % of campaigns, without bias',
    (kind) => {
      const options = { customers: 500, controlShare: 0.3, reach: 0.92, seeds: RUNS, kind };
      const runs = Array.from({ length: RUNS }, (_, index) => runCampaign(index + 1, options));
      const share = runs.filter((run) => run.inside).length / RUNS;
      expect(share).toBeGreaterThanOrEqual(0.93);
      expect(share).toBeLessThanOrEqual(0.98);
      const error = runs.reduce((sum, run) => sum + run.found - run.planted, 0) / RUNS;
      expect(Math.abs(error)).toBeLessThan(0.005);
    },
  );
});
