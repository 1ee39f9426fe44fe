import type { CustomerList, LookalikeResult } from '@rapport/audiences/contract';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { vocabularyQuery } from '../../api/audiences.queries.ts';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useMay } from '../../shell/session.ts';
import { Badge } from '../../ui/badge.tsx';
import { BarsChart } from '../../ui/charts.tsx';
import { Figure, Meter, Num, useFormats } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Alert, Button, Collapse } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { Panel } from '../../ui/page.tsx';
import './audiences.css';
import { isWeak } from './lookalike-words.ts';

interface LookalikeViewProps {
  readonly list: CustomerList;
  readonly result: LookalikeResult;
  /** What else can be done; on the list's own page nothing, where its name and deeds stand above already. */
  readonly actions?: ReactNode;
  readonly isOnListPage?: boolean;
}

/** A look-alike that was made: whom it took, how well it tells them apart, and by what. */
export function LookalikeView({ list, result, actions, isOnListPage }: LookalikeViewProps) {
  const t = useText();
  const may = useMay();
  const formats = useFormats();
  const localized = useLocalized();
  const navigate = useNavigate();
  const vocabulary = useQuery(vocabularyQuery);
  const titleOf = (tagId: string): string =>
    localized(vocabulary.data?.tags.find(({ id }) => id === tagId)?.title ?? tagId);
  const heaviest = Math.max(1e-9, ...result.traits.map(({ weight }) => weight));
  return (
    <div className="stack gap-m">
      <Panel
        title={
          isOnListPage ? (
            t('insight.lookalike.result')
          ) : (
            <Link to="/lists/$listId" params={{ listId: list.id }}>
              {list.name}
            </Link>
          )
        }
        actions={
          <>
            {actions}
            {may('audiences.write') && !isOnListPage ? (
              <Button
                type="primary"
                icon={<AddIcon />}
                onClick={() =>
                  void navigate({
                    to: '/audiences/new',
                    search: { condition: JSON.stringify({ list: list.id }) },
                  })
                }
              >
                {t('insight.lookalike.makeAudience')}
              </Button>
            ) : null}
          </>
        }
      >
        <div className="stack gap-m">
          <div className="grid" style={cells(190)}>
            <Figure
              label={t('insight.lookalike.taken')}
              value={<Num value={result.size} />}
              note={t('insight.lookalike.ofCandidates', { count: formats.number(result.candidates) })}
            />
            <Figure label={t('insight.lookalike.seed')} value={<Num value={result.seedSize} />} />
            <Figure
              label={t('insight.lookalike.auc')}
              value={<span className="num">{result.auc.toFixed(3)}</span>}
              note={t('insight.lookalike.aucNote', {
                se: result.aucSe.toFixed(3),
                count: formats.number(result.heldOut),
              })}
            />
          </div>
          {isWeak(result) ? <Alert type="warning" showIcon title={t('insight.lookalike.weak')} /> : null}
        </div>
      </Panel>
      <div className="grid" style={cells(360)}>
        <Panel title={t('insight.lookalike.lifts')} note={t('insight.lookalike.liftsNote')}>
          <BarsChart
            label={t('insight.lookalike.lifts')}
            categories={result.lifts.map(({ share }) =>
              t('insight.lookalike.top', { share: formats.percent(share, 0) }),
            )}
            series={[{ name: t('insight.lookalike.lift'), values: result.lifts.map(({ lift }) => lift) }]}
            format={(value) => `${formats.number(value, { maximumFractionDigits: 1 })}×`}
          />
        </Panel>
        <Panel title={t('insight.lookalike.traits')} note={t('insight.lookalike.traitsNote')}>
          <ul className="list-plain stack gap-s traits">
            {result.traits.slice(0, 12).map((trait) => (
              <li key={trait.tag}>
                <div className="row between gap-s">
                  <Link to="/tags/$tagId" params={{ tagId: trait.tag }}>
                    {titleOf(trait.tag)}
                  </Link>
                  <span className="faint num">{trait.weight.toFixed(2)}</span>
                </div>
                <Meter share={trait.weight / heaviest} label={titleOf(trait.tag)} />
              </li>
            ))}
          </ul>
        </Panel>
      </div>
      {result.excluded.length > 0 ? (
        <Collapse
          items={[
            {
              key: 'excluded',
              label: t('insight.lookalike.excluded', { count: result.excluded.length }),
              children: (
                <ul className="list-plain stack gap-xs">
                  {result.excluded.map(({ tag, reason }) => (
                    <li key={tag} className="row between gap-s">
                      <span>{titleOf(tag)}</span>
                      <Badge tone={reason === 'protected' ? 'warn' : 'calm'}>
                        {t(`insight.lookalike.reason.${reason}`)}
                      </Badge>
                    </li>
                  ))}
                </ul>
              ),
            },
          ]}
        />
      ) : null}
    </div>
  );
}
