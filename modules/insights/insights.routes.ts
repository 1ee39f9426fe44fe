import type { Routes } from '@rapport/http';
import { Type } from 'typebox';
import { CampaignFunnel, CampaignReport, FollowUpBody, FollowUpView, HomeReport } from './contract.ts';
import { reportCsv } from './export-csv.ts';
import type { Insights } from './insights.service.ts';

const Params = Type.Object({
  campaignId: Type.String({ description: 'Campaign', examples: ['cmp_01j9z3'] }),
});
const tags = ['reports'];

/** Reports: the home page, what campaigns caused, and the next campaign's draft. */
export function insightsRoutes(insights: Insights): Routes {
  return (http) => {
    http.get(
      '/reports/home',
      {
        config: { permission: 'reports.read' },
        schema: {
          operationId: 'getHome',
          summary: 'The bank at a glance',
          tags,
          response: { 200: HomeReport },
        },
      },
      async (request) => insights.home(request.actor),
    );
    http.get(
      '/reports/campaigns/:campaignId',
      {
        config: { permission: 'reports.read' },
        schema: {
          operationId: 'getCampaignReport',
          summary: 'What a campaign caused',
          tags,
          params: Params,
          response: { 200: CampaignReport },
        },
      },
      async (request) => insights.report(request.params.campaignId, request.actor),
    );
    http.get(
      '/reports/campaigns/:campaignId/funnel',
      {
        config: { permission: 'reports.read' },
        schema: {
          operationId: 'getCampaignFunnel',
          summary: 'Where every targeted customer of a campaign is',
          tags,
          params: Params,
          response: { 200: CampaignFunnel },
        },
      },
      async (request) => insights.funnel(request.params.campaignId, request.actor),
    );
    http.get(
      '/reports/campaigns/:campaignId/export',
      {
        config: { permission: 'reports.read' },
        schema: {
          operationId: 'exportCampaignReport',
          summary: 'A campaign’s report as CSV',
          tags,
          params: Params,
          response: {
            200: Type.String({ description: 'CSV: section, name, value', examples: ['report,treated,765'] }),
          },
        },
      },
      async (request, reply) => {
        const { campaignId } = request.params;
        const csv = reportCsv(await insights.report(campaignId, request.actor));
        return reply
          .type('text/csv; charset=utf-8')
          .header('content-disposition', `attachment; filename="${campaignId.replace(/[^\w-]/g, '_')}.csv"`)
          .send(`\uFEFF${csv}`);
      },
    );
    http.post(
      '/reports/campaigns/:campaignId/follow-up',
      {
        config: { permission: 'campaigns.write' },
        schema: {
          operationId: 'createFollowUp',
          summary: 'Draft the next campaign without those who converted',
          tags,
          params: Params,
          body: FollowUpBody,
          response: { 201: FollowUpView },
        },
      },
      async (request, reply) =>
        reply.code(201).send(await insights.followUp(request.params.campaignId, request.body, request.actor)),
    );
  };
}
