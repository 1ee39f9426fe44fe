import type { Http, Routes } from '@rapport/http';
import type { Actor } from '@rapport/kernel';
import { Type } from 'typebox';
import type { Campaigns } from './campaigns.service.ts';
import {
  Advice,
  AdviceRequest,
  Campaign,
  CampaignChange,
  CampaignClone,
  CampaignDraft,
  CampaignFile,
  CampaignNote,
  CampaignPage,
  CampaignQuery,
  CampaignSets,
  CampaignSteps,
  CampaignTimeline,
  DryRun,
} from './contract.ts';

const ById = Type.Object({ id: Type.String({ description: 'Campaign id', examples: ['cmp_01j9z3'] }) });
const tags = ['campaigns'];

/** Campaigns 營銷活動: write, check, submit, launch, steer, read. */
export function campaignsRoutes(campaigns: Campaigns): Routes {
  return (http) => {
    documents(http, campaigns);
    lifecycle(http, campaigns);
    readings(http, campaigns);
  };
}

function documents(http: Http, campaigns: Campaigns): void {
  http.get(
    '/campaigns',
    {
      config: { permission: 'campaigns.read' },
      schema: {
        operationId: 'listCampaigns',
        summary: 'Campaigns, newest first',
        tags,
        querystring: CampaignQuery,
        response: { 200: CampaignPage },
      },
    },
    async (request) => campaigns.list(request.query),
  );
  http.post(
    '/campaigns',
    {
      config: { permission: 'campaigns.write' },
      schema: {
        operationId: 'createCampaign',
        summary: 'Make a campaign, as a draft that may be incomplete',
        tags,
        body: CampaignDraft,
        response: { 201: Campaign },
      },
    },
    async (request, reply) => reply.code(201).send(await campaigns.create(request.body, request.actor)),
  );
  http.post(
    '/campaigns/apply',
    {
      config: { permission: 'campaigns.write' },
      schema: {
        operationId: 'applyCampaignFile',
        summary: 'Make or update a campaign from a campaign file',
        tags,
        body: CampaignFile,
        response: { 201: Campaign },
      },
    },
    async (request, reply) =>
      reply.code(201).send(await campaigns.applyFile(request.body.yaml, request.actor)),
  );
  http.post(
    '/campaigns/advice',
    {
      config: { permission: 'campaigns.read' },
      schema: {
        operationId: 'adviseCampaign',
        summary: 'How small a lift such a campaign can detect',
        tags,
        body: AdviceRequest,
        response: { 200: Advice },
      },
    },
    async (request) => campaigns.advice(request.body, request.actor),
  );
  http.get(
    '/campaigns/:id',
    {
      config: { permission: 'campaigns.read' },
      schema: {
        operationId: 'readCampaign',
        summary: 'One campaign',
        tags,
        params: ById,
        response: { 200: Campaign },
      },
    },
    async (request) => campaigns.get(request.params.id),
  );
  http.put(
    '/campaigns/:id',
    {
      config: { permission: 'campaigns.write' },
      schema: {
        operationId: 'changeCampaign',
        summary: 'Replace a campaign by an edited one; voids its approval',
        tags,
        params: ById,
        body: CampaignChange,
        response: { 200: Campaign },
      },
    },
    async (request) => campaigns.change(request.params.id, request.body, request.actor),
  );
  http.delete(
    '/campaigns/:id',
    {
      config: { permission: 'campaigns.write' },
      schema: {
        operationId: 'deleteCampaign',
        summary: 'Delete a draft or rejected campaign',
        tags,
        params: ById,
        response: { 204: Type.Null({ description: 'Deleted' }) },
      },
    },
    async (request, reply) => {
      await campaigns.remove(request.params.id, request.actor);
      return reply.code(204).send(null);
    },
  );
  http.post(
    '/campaigns/:id/clone',
    {
      config: { permission: 'campaigns.write' },
      schema: {
        operationId: 'cloneCampaign',
        summary: 'Copy a campaign into a new draft',
        tags,
        params: ById,
        body: CampaignClone,
        response: { 201: Campaign },
      },
    },
    async (request, reply) =>
      reply.code(201).send(await campaigns.clone(request.params.id, request.body, request.actor)),
  );
}

interface ActionRoute {
  readonly permission: string;
  readonly operationId: string;
  readonly summary: string;
}

/** A reason may be given or left out, and with it the whole body. */
const MaybeNote = Type.Union([CampaignNote, Type.Null({ description: 'No reason' })], {
  description: 'Why; may be left out',
});

function lifecycle(http: Http, campaigns: Campaigns): void {
  const action = (
    verb: string,
    { permission, ...shown }: ActionRoute,
    act: (campaignId: string, actor: Actor) => Promise<Campaign>,
  ): void => {
    http.post(
      `/campaigns/:id/${verb}`,
      { config: { permission }, schema: { ...shown, tags, params: ById, response: { 200: Campaign } } },
      async (request) => act(request.params.id, request.actor),
    );
  };
  const actionWithNote = (
    verb: string,
    { permission, ...shown }: ActionRoute,
    act: (campaignId: string, actor: Actor, note: string | undefined) => Promise<Campaign>,
  ): void => {
    http.post(
      `/campaigns/:id/${verb}`,
      {
        config: { permission },
        schema: { ...shown, tags, params: ById, body: MaybeNote, response: { 200: Campaign } },
      },
      async (request) => act(request.params.id, request.actor, request.body?.note),
    );
  };
  action(
    'submit',
    {
      permission: 'campaigns.submit',
      operationId: 'submitCampaign',
      summary: 'Ask for the approval of a second person',
    },
    (id, actor) => campaigns.submit(id, actor),
  );
  action(
    'withdraw',
    {
      permission: 'campaigns.submit',
      operationId: 'withdrawCampaign',
      summary: 'Take it back to its draft; voids its approval',
    },
    (id, actor) => campaigns.withdraw(id, actor),
  );
  action(
    'launch',
    {
      permission: 'campaigns.launch',
      operationId: 'launchCampaign',
      summary: 'Freeze the audience and start to send',
    },
    (id, actor) => campaigns.launch(id, actor),
  );
  actionWithNote(
    'pause',
    { permission: 'campaigns.pause', operationId: 'pauseCampaign', summary: 'Hold what is not sent yet' },
    (id, actor, note) => campaigns.pause(id, actor, note),
  );
  action(
    'resume',
    { permission: 'campaigns.launch', operationId: 'resumeCampaign', summary: 'Go on after a pause' },
    (id, actor) => campaigns.resume(id, actor),
  );
  actionWithNote(
    'stop',
    {
      permission: 'campaigns.stop',
      operationId: 'stopCampaign',
      summary: 'End it for good; what is not sent is cancelled',
    },
    (id, actor, note) => campaigns.stop(id, actor, note),
  );
}

function readings(http: Http, campaigns: Campaigns): void {
  http.get(
    '/campaigns/:id/steps',
    {
      config: { permission: 'campaigns.read' },
      schema: {
        operationId: 'readCampaignSteps',
        summary: 'The five guided steps and what each misses',
        tags,
        params: ById,
        response: { 200: CampaignSteps },
      },
    },
    async (request) => campaigns.steps(request.params.id),
  );
  http.post(
    '/campaigns/:id/dry-run',
    {
      config: { permission: 'campaigns.write' },
      schema: {
        operationId: 'dryRunCampaign',
        summary: 'What a launch would do now; nothing is sent',
        tags,
        params: ById,
        response: { 200: DryRun },
      },
    },
    async (request) => campaigns.dryRun(request.params.id, request.actor),
  );
  http.get(
    '/campaigns/:id/sets',
    {
      config: { permission: 'campaigns.read' },
      schema: {
        operationId: 'readCampaignSets',
        summary: 'Sizes of the journey sets',
        tags,
        params: ById,
        response: { 200: CampaignSets },
      },
    },
    async (request) => ({ items: await campaigns.setSizes(request.params.id) }),
  );
  http.get(
    '/campaigns/:id/timeline',
    {
      config: { permission: 'campaigns.read' },
      schema: {
        operationId: 'readCampaignTimeline',
        summary: 'State changes, oldest first',
        tags,
        params: ById,
        response: { 200: CampaignTimeline },
      },
    },
    async (request) => ({ items: await campaigns.timeline(request.params.id) }),
  );
}
