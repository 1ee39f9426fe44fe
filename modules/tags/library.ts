import type { TagDefinition } from './contract.ts';
import { ACTIVITY } from './library/activity.ts';
import { ASSETS } from './library/assets.ts';
import { CHANNELS_AND_TIMES } from './library/channels.ts';
import { CORPORATE } from './library/corporate.ts';
import { DEMOGRAPHIC } from './library/demographic.ts';
import { FLOWS } from './library/flows.ts';
import type { LibraryTheme } from './library/form.ts';
import { HOLDINGS } from './library/holdings.ts';
import { LIFECYCLE } from './library/lifecycle.ts';
import { RELATIONSHIP } from './library/relationship.ts';
import { RFM } from './library/rfm.ts';
import { RISK } from './library/risk.ts';
import { SERVICE } from './library/service.ts';
import { SPENDING } from './library/spending.ts';

export const TAG_LIBRARY: readonly LibraryTheme[] = [
  DEMOGRAPHIC,
  RELATIONSHIP,
  HOLDINGS,
  ASSETS,
  FLOWS,
  SPENDING,
  CHANNELS_AND_TIMES,
  ACTIVITY,
  LIFECYCLE,
  RFM,
  RISK,
  SERVICE,
  CORPORATE,
];

export type { LibraryTheme } from './library/form.ts';
export type LibraryTag = TagDefinition;
