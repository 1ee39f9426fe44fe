import { audiencesIn, eventsIn, listsIn, tagsIn } from '@rapport/conditions';
import type { Relational } from '@rapport/stores';
import { createAudienceStore } from './audiences.store.sql.ts';

/** What audiences add to the lineage graph: tags, events, lists and other audiences flow into an audience. */
