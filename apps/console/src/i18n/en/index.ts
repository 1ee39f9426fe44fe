import { audiences } from './audiences.ts';
import { builder } from './builder.ts';
import { campaigns } from './campaigns.ts';
import { catalog } from './catalog.ts';
import { common } from './common.ts';
import { content } from './content.ts';
import { customers } from './customers.ts';
import { governance } from './governance.ts';
import { home } from './home.ts';
import { identity } from './identity.ts';
import { insight } from './insight.ts';
import { lifecycle } from './lifecycle.ts';
import { lists } from './lists.ts';
import { market } from './market.ts';
import { metrics } from './metrics.ts';
import { contacts, decisions, models, offers } from './recommendation.ts';
import { reports } from './reports.ts';
import { shell } from './shell.ts';
import { sources } from './sources.ts';
import { tags } from './tags.ts';
import { words } from './words.ts';
import { workbench } from './workbench.ts';

export const en = {
  audiences,
  builder,
  campaigns,
  catalog,
  common,
  contacts,
  content,
  customers,
  decisions,
  governance,
  home,
  identity,
  insight,
  lifecycle,
  lists,
  market,
  metrics,
  models,
  offers,
  reports,
  shell,
  sources,
  tags,
  words,
  workbench,
};
