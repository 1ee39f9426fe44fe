import type { ProfileResult } from '@rapport/audiences/contract';
import type { Condition } from '@rapport/conditions';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { Figure, Meter, Num, useFormats } from '../../ui/figures.tsx';
import { AddIcon } from '../../ui/icons.ts';
import { Button, Checkbox, Input, Tooltip } from '../../ui/kit.ts';
import { cells } from '../../ui/metrics.ts';
import { Panel } from '../../ui/page.tsx';
import { ShareBars, TgiBar } from '../../ui/share-bars.tsx';
import { Nothing } from '../../ui/states.tsx';
import {
  effectLevel,
  type ProfileBucket,
  type ProfileFinding,
  type ProfileTag,
  sayP,
  tagsToShow,
} from './profile-words.ts';

interface ProfileViewProps {
  readonly profile: ProfileResult;
  readonly onNarrow: (extra: Condition, label: string) => void;
}

const TAGS_AT_ONCE = 40;
const FINDINGS_AT_ONCE = 8;

export function ProfileView({ profile, onNarrow }: ProfileViewProps) {
  const t = useText();
  const formats = useFormats();
  const [withDefining, setWithDefining] = useState(false);
  const [areAllShown, setAreAllShown] = useState(false);
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const findings = profile.findings.filter((finding) => withDefining || !finding.defining);
  const tag = (id: string): void => {
    setChosen(id);
    document.getElementById('profile-tags')?.scrollIntoView({ behavior: 'smooth', block: 'start' });
  };
  return (
    <div className="stack gap-m">
      <Panel>
        <div className="grid" style={cells(140)}>
          <Figure label={t('insight.profile.size')} value={<Num value={profile.size} />} />
          <Figure label={t('insight.profile.baseSize')} value={<Num value={profile.baseSize} />} />
          <Figure label={t('insight.profile.tags')} value={<Num value={profile.tags.length} />} />
          <Figure
            label={t('insight.profile.tested')}
            value={<Num value={profile.tested} />}
            note={t('common.took', { time: formats.duration(profile.tookMs) })}
          />
        </div>
      </Panel>
      <Panel
        title={t('insight.profile.findings')}
        note={t('insight.profile.findingsNote')}
        actions={
          <Checkbox checked={withDefining} onChange={(event) => setWithDefining(event.target.checked)}>
            {t('insight.profile.showDefining')}
          </Checkbox>
        }
      >
        {findings.length === 0 ? (
          <Nothing title={t('insight.profile.noFindings')} hint={t('insight.profile.noFindingsHint')} />
        ) : (
          <ol className="list-plain findings">
            {(areAllShown ? findings : findings.slice(0, FINDINGS_AT_ONCE)).map((finding) => (
              <FindingRow
                key={`${finding.tag} ${JSON.stringify(finding.condition)}`}
                finding={finding}
                onTag={tag}
                onNarrow={onNarrow}
              />
            ))}
          </ol>
        )}
        {findings.length > FINDINGS_AT_ONCE && !areAllShown ? (
          <Button block type="text" onClick={() => setAreAllShown(true)}>
            {t('insight.profile.allFindings', { count: findings.length })}
          </Button>
        ) : null}
      </Panel>
      <TagsPanel
        profile={profile}
        withDefining={withDefining}
        chosen={chosen}
        onChoose={setChosen}
        onNarrow={onNarrow}
      />
    </div>
  );
}

function EffectBadge({ effect }: { readonly effect: number }) {
  const t = useText();
  const level = effectLevel(effect);
  return (
    <Tooltip title={`Cohen’s h ${effect.toFixed(2)}`}>
      <span>
        <Badge tone={level === 'none' ? 'calm' : effect > 0 ? 'primary' : 'accent'}>
          {effect > 0 ? '↑' : '↓'} {t(`insight.profile.level.${level}`)}
        </Badge>
      </span>
    </Tooltip>
  );
}

interface FindingRowProps {
  readonly finding: ProfileFinding;
  readonly onTag: (tagId: string) => void;
  readonly onNarrow: ProfileViewProps['onNarrow'];
}

function FindingRow({ finding, onTag, onNarrow }: FindingRowProps) {
  const t = useText();
  return (
    <li className="finding">
      <div className="stack gap-xs">
        <div className="row gap-s">
          <button type="button" className="link-button" onClick={() => onTag(finding.tag)}>
            {finding.sentence}
          </button>
        </div>
        <div className="row gap-s faint">
          <EffectBadge effect={finding.effect} />
          {finding.defining ? (
            <Tooltip title={t('insight.profile.definingHint')}>
              <span>
                <Badge tone="calm">{t('insight.profile.defining')}</Badge>
              </span>
            </Tooltip>
          ) : null}
          <span className="num">p {sayP(finding.corrected)}</span>
          {finding.alike.length > 0 ? (
            <span>
              {t('insight.profile.alike', {
                tags: finding.alike.map(({ title }) => title).join(t('insight.comma')),
              })}
            </span>
          ) : null}
        </div>
      </div>
      <ShareBars
        audienceShare={finding.audienceShare}
        baseShare={finding.baseShare}
        audienceLabel={t('insight.profile.audienceShare')}
        baseLabel={t('insight.profile.baseShare')}
      />
      <Button
        size="small"
        type="text"
        icon={<AddIcon />}
        onClick={() => onNarrow(finding.condition, finding.sentence.split(/[:：]/)[0] ?? finding.tag)}
      >
        {t('insight.profile.narrow')}
      </Button>
    </li>
  );
}

interface TagsPanelProps extends ProfileViewProps {
  readonly withDefining: boolean;
  readonly chosen: string | undefined;
  readonly onChoose: (tagId: string) => void;
}

/** Every tag beside the values of the chosen one. */
function TagsPanel({ profile, withDefining, chosen, onChoose, onNarrow }: TagsPanelProps) {
  const t = useText();
  const formats = useFormats();
  const [search, setSearch] = useState('');
  const [most, setMost] = useState(TAGS_AT_ONCE);
  const tags = tagsToShow(profile.tags, { search, withDefining });
  const shown = profile.tags.find(({ tag }) => tag === chosen) ?? tags[0];
  return (
    <div id="profile-tags">
      <Panel title={t('insight.profile.allTags')} note={t('insight.profile.allTagsNote')}>
        <div className="profile-tags">
          <div className="stack gap-s">
            <Input
              allowClear
              aria-label={t('insight.profile.search')}
              placeholder={t('insight.profile.search')}
              value={search}
              onChange={(event) => setSearch(event.target.value)}
            />
            <ul className="list-plain profile-tag-list">
              {tags.length === 0 ? <Nothing title={t('insight.profile.noTag')} /> : null}
              {tags.slice(0, most).map((tag) => (
                <li key={tag.tag}>
                  <button
                    type="button"
                    className="profile-tag"
                    aria-pressed={tag.tag === shown?.tag}
                    onClick={() => onChoose(tag.tag)}
                  >
                    <span className="row between gap-s">
                      <span className="ellipsis">{tag.title}</span>
                      <span className="faint num">{tag.cramersV.toFixed(2)}</span>
                    </span>
                    <Meter
                      share={tag.cramersV}
                      label={t('insight.profile.strength', { v: tag.cramersV.toFixed(2) })}
                    />
                  </button>
                </li>
              ))}
              {tags.length > most ? (
                <Button block type="text" onClick={() => setMost(most + TAGS_AT_ONCE)}>
                  {t('insight.profile.more')}
                </Button>
              ) : null}
            </ul>
          </div>
          {shown ? <TagValues tag={shown} onNarrow={onNarrow} /> : null}
        </div>
        {profile.skipped.length > 0 ? (
          <p className="faint" style={{ marginTop: 12 }} title={profile.skipped.join(', ')}>
            {t('insight.profile.skipped', {
              count: profile.skipped.length,
              shown: formats.number(profile.skipped.length),
            })}
          </p>
        ) : null}
      </Panel>
    </div>
  );
}

function TagValues({
  tag,
  onNarrow,
}: {
  readonly tag: ProfileTag;
  readonly onNarrow: ProfileViewProps['onNarrow'];
}) {
  const t = useText();
  return (
    <section className="stack gap-s" aria-label={tag.title}>
      <div className="row between gap-s">
        <h3 className="panel-title">{tag.title}</h3>
        <span className="row gap-s">
          {tag.defining ? <Badge tone="calm">{t('insight.profile.defining')}</Badge> : null}
          <Link to="/tags/$tagId" params={{ tagId: tag.tag }}>
            {t('insight.profile.open')}
          </Link>
        </span>
      </div>
      <p className="faint">
        {t('insight.profile.strength', { v: tag.cramersV.toFixed(2) })}
        {tag.meanDifference === undefined
          ? null
          : ` · ${t('insight.profile.meanDifference', { d: tag.meanDifference.toFixed(2) })}`}
      </p>
      <table className="profile-values">
        <thead>
          <tr>
            <th>{t('insight.profile.value')}</th>
            <th className="end">{t('insight.profile.audienceShare')}</th>
            <th className="end">{t('insight.profile.baseShare')}</th>
            <th>
              <Tooltip title={t('insight.profile.tgiHint')}>
                <span>{t('insight.profile.tgi')}</span>
              </Tooltip>
            </th>
            <th>
              <Tooltip title={t('insight.profile.effectHint')}>
                <span>{t('insight.profile.effect')}</span>
              </Tooltip>
            </th>
            <th className="end">{t('insight.profile.corrected')}</th>
            <th aria-label={t('common.actions')} />
          </tr>
        </thead>
        <tbody>
          {tag.buckets.map((bucket) => (
            <ValueRow key={JSON.stringify(bucket.condition)} tag={tag} bucket={bucket} onNarrow={onNarrow} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface ValueRowProps {
  readonly tag: ProfileTag;
  readonly bucket: ProfileBucket;
  readonly onNarrow: ProfileViewProps['onNarrow'];
}

function ValueRow({ tag, bucket, onNarrow }: ValueRowProps) {
  const t = useText();
  const formats = useFormats();
  const label = bucket.unknown ? t('insight.profile.unknownValue') : bucket.label;
  return (
    <tr data-unknown={bucket.unknown === true}>
      <td data-part="value">{label}</td>
      <td
        className="end num"
        data-part="audience"
        data-label={t('insight.profile.audienceShare')}
        title={formats.number(bucket.audience)}
      >
        {formats.percent(bucket.audienceShare)}
      </td>
      <td
        className="end num"
        data-part="base"
        data-label={t('insight.profile.baseShare')}
        title={formats.number(bucket.base)}
      >
        {formats.percent(bucket.baseShare)}
      </td>
      <td data-part="tgi">
        <TgiBar tgi={bucket.tgi} strong={bucket.isFinding} />
      </td>
      <td data-part="effect">
        <EffectBadge effect={bucket.effect} />
      </td>
      <td className="end num faint" data-part="p" data-label="p">
        {bucket.corrected === undefined ? t('insight.profile.untested') : sayP(bucket.corrected)}
      </td>
      <td data-part="act" className="end">
        <Tooltip title={t('insight.profile.narrow')}>
          <Button
            size="small"
            type="text"
            icon={<AddIcon />}
            aria-label={`${t('insight.profile.narrow')} ${tag.title} ${label}`}
            onClick={() => onNarrow(bucket.condition, `${tag.title} ${label}`)}
          />
        </Tooltip>
      </td>
    </tr>
  );
}
