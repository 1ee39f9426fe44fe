import type { CampaignChange, CampaignSteps } from '@rapport/campaigns/contract';

/** What each of the five guided steps gets. */
export interface StepProps {
  readonly campaignId: string;
  readonly draft: CampaignChange;
  readonly change: (part: Partial<CampaignChange>) => void;
  /** Answers once the server has everything that was typed. */
  readonly flush: () => Promise<void>;
  readonly steps: CampaignSteps | undefined;
}
