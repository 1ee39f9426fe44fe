import type { ModelCard } from '@rapport/models/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { modelQuery, scoreModel, trainModel } from '../../api/models.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { BarsChart } from '../../ui/charts.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Facts, Figure, Num, Percent, useFormats, When } from '../../ui/figures.tsx';
import { JobProgress } from '../../ui/job-progress.tsx';
import { Button } from '../../ui/kit.ts';
import { cells, side } from '../../ui/metrics.ts';
import { useNotify } from '../../ui/notify.ts';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';
import { labelText } from './models-page.tsx';

export function ModelPage() {
  const t = useText();
  const may = useMay();
  const notify = useNotify();
  const queries = useQueryClient();
  const { modelId } = useParams({ from: '/signed-in/models/$modelId' });
  const model = useQuery(modelQuery(modelId));
  const [jobId, setJobId] = useState<string | undefined>(undefined);
  const begin = { onSuccess: (job: { jobId: string }) => setJobId(job.jobId), onError: notify.problem };
  const train = useMutation({ mutationFn: () => trainModel(modelId), ...begin });
  const score = useMutation({ mutationFn: () => scoreModel(modelId), ...begin });
  return (
    <Page
      title={model.data?.name ?? modelId}
      intro={model.data ? <code>{labelText(model.data)}</code> : undefined}
      crumbs={[{ label: t('models.title'), to: '/models' }]}
      actions={
        may('models.write') ? (
          <>
            <Button loading={train.isPending} onClick={() => train.mutate()}>
              {t('models.train')}
            </Button>
            <Button
              type="primary"
              disabled={!model.data?.card}
              loading={score.isPending}
              onClick={() => score.mutate()}
            >
              {t('models.score')}
            </Button>
          </>
        ) : null
      }
    >
      {jobId ? (
        <Panel>
          <JobProgress
            key={jobId}
            jobId={jobId}
            onFinished={() => void queries.invalidateQueries({ queryKey: ['models'] })}
          />
        </Panel>
      ) : null}
      <Answer query={model}>
        {(data) => (
          <div className="split" style={side(340)}>
            <div className="stack gap-m">
              {data.card ? (
                <CardView card={data.card} />
              ) : (
                <Panel>
                  <Nothing title={t('models.untrained')} hint={t('models.untrainedHint')} />
                </Panel>
              )}
            </div>
            <Panel title={t('models.about')}>
              <Facts
                items={[
                  {
                    term: t('common.state'),
                    value: (
                      <Badge tone={data.state === 'scored' ? 'good' : 'info'}>
                        {t(`models.state.${data.state}`)}
                      </Badge>
                    ),
                  },
                  { term: t('models.kind'), value: t('models.logistic') },
                  {
                    term: t('models.scoreTag'),
                    value: (
                      <Link to="/tags/$tagId" params={{ tagId: data.scoreTag }}>
                        {data.scoreTag}
                      </Link>
                    ),
                  },
                  { term: t('models.scored'), value: <Num value={data.scored} /> },
                  { term: t('models.scoredAt'), value: <When at={data.scoredAt} /> },
                  { term: t('models.features'), value: data.features.join(', ') },
                  { term: t('models.validationShare'), value: <Percent ratio={data.validationShare} /> },
                ]}
              />
            </Panel>
          </div>
        )}
      </Answer>
    </Page>
  );
}

function CardView({ card }: { readonly card: ModelCard }) {
  const t = useText();
  const formats = useFormats();
  const { validation } = card;
  const three = (value: number): string => formats.number(value, { maximumFractionDigits: 3 });
  return (
    <>
      <Panel title={t('models.card', { version: card.version })} note={<When at={card.trainedAt} />}>
        <div className="grid" style={cells(130)}>
          <Figure
            label={t('models.auc')}
            value={three(validation.auc)}
            note={`± ${three(1.96 * validation.aucSe)}`}
          />
          <Figure label={t('models.ks')} value={three(validation.ks)} />
          <Figure label={t('models.lift10')} value={`${three(validation.lift10)}×`} />
          <Figure label={t('models.capture10')} value={<Percent ratio={validation.capture10} />} />
          <Figure label={t('models.ece')} value={<Percent ratio={validation.ece} />} />
          <Figure
            label={t('models.judged')}
            value={<Num value={validation.rows} />}
            note={t('models.positives', { count: formats.number(validation.positives) })}
          />
        </div>
        {card.caveats.length > 0 ? (
          <ul className="soft">
            {card.caveats.map((caveat) => (
              <li key={caveat}>{caveat}</li>
            ))}
          </ul>
        ) : null}
      </Panel>
      <Panel title={t('models.calibration')} note={t('models.calibrationNote')}>
        <BarsChart
          label={t('models.calibration')}
          categories={validation.calibration.map(
            (row) => `${formats.percent(row.from)} – ${formats.percent(row.to)}`,
          )}
          series={[
            { name: t('models.predicted'), values: validation.calibration.map((row) => row.meanScore) },
            { name: t('models.observed'), values: validation.calibration.map((row) => row.rate) },
          ]}
          format={(value) => formats.percent(value)}
        />
      </Panel>
      <Panel title={t('models.lift')} note={t('models.liftNote')}>
        <BarsChart
          label={t('models.lift')}
          categories={validation.lift.map((row) => String(row.decile))}
          series={[{ name: t('models.lift'), values: validation.lift.map((row) => row.lift) }]}
          format={(value) => `${three(value)}×`}
        />
      </Panel>
      <Panel flush title={t('models.coefficients')}>
        <DataTable
          label={t('models.coefficients')}
          rows={card.coefficients}
          rowKey={(row) => row.column}
          columns={[
            { title: t('models.column'), render: (_, row) => <code>{row.column}</code> },
            { title: t('models.weight'), align: 'right', render: (_, row) => three(row.weight) },
            {
              title: t('models.oddsRatio'),
              align: 'right',
              render: (_, row) => three(Math.exp(row.weight)),
            },
          ]}
        />
      </Panel>
    </>
  );
}
