import type { ProfileTag } from '@rapport/customers/contract';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useLocalized, useText } from '../../i18n/i18n.ts';
import { useWords } from '../../i18n/words.ts';
import { Button, Input } from '../../ui/kit.ts';
import { Panel } from '../../ui/page.tsx';
import { Nothing } from '../../ui/states.tsx';
import { EvidenceDrawer } from '../tags/evidence-drawer.tsx';
import { TagValueText } from '../tags/tag-value.tsx';

interface CustomerTagsPanelProps {
  readonly customerId: string;
  readonly tags: readonly ProfileTag[];
}

/** The customer's tags by category; each can say why. */
export function CustomerTagsPanel({ customerId, tags }: CustomerTagsPanelProps) {
  const t = useText();
  const localized = useLocalized();
  const [search, setSearch] = useState('');
  const [asked, setAsked] = useState<ProfileTag | undefined>(undefined);
  const wanted = search.trim().toLowerCase();
  const found = tags.filter(
    (tag) =>
      wanted === '' || tag.tagId.includes(wanted) || localized(tag.title).toLowerCase().includes(wanted),
  );
  const categories = [...new Set(found.map((tag) => tag.category))];
  return (
    <Panel
      title={t('customers.tags')}
      actions={
        <Input
          allowClear
          style={{ width: 220 }}
          placeholder={t('customers.searchTags')}
          aria-label={t('customers.searchTags')}
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
      }
    >
      {found.length === 0 ? <Nothing title={t('customers.noTags')} hint={t('customers.noTagsHint')} /> : null}
      <div className="stack gap-l">
        {categories.map((category) => (
          <section key={category}>
            <CategoryName path={category} />
            <ul className="list-plain list-rows">
              {found
                .filter((tag) => tag.category === category)
                .map((tag) => (
                  <li key={tag.tagId} className="row between gap-s">
                    <Link
                      to="/tags/$tagId"
                      params={{ tagId: tag.tagId }}
                      className="grow"
                      style={{ color: 'inherit' }}
                    >
                      {localized(tag.title)}
                    </Link>
                    <strong style={{ fontWeight: 550 }}>
                      <TagValueText
                        value={tag.value}
                        valueType={tag.valueType}
                        unit={tag.unit}
                        title={tag.valueTitle}
                      />
                    </strong>
                    <Button
                      size="small"
                      type="text"
                      aria-label={t('customers.whyTag', { tag: localized(tag.title) })}
                      onClick={() => setAsked(tag)}
                    >
                      {t('customers.why')}
                    </Button>
                  </li>
                ))}
            </ul>
          </section>
        ))}
      </div>
      {asked ? (
        <EvidenceDrawer
          tagId={asked.tagId}
          title={localized(asked.title)}
          valueType={asked.valueType}
          unit={asked.unit}
          customerId={customerId}
          onClose={() => setAsked(undefined)}
        />
      ) : null}
    </Panel>
  );
}

function CategoryName({ path }: { readonly path: string }) {
  const words = useWords();
  return (
    <h3 className="faint" style={{ fontSize: 12.5, fontWeight: 500, letterSpacing: '0.02em' }}>
      {path
        .split('/')
        .map((part) => words.category(part))
        .join(' › ')}
    </h3>
  );
}
