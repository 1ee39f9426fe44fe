import type { Variant } from '@rapport/content/contract';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { explainQuery, vocabularyQuery } from '../../api/audiences.queries.ts';
import { type Built, ConditionBuilder } from '../../builder/builder.tsx';
import { useLanguage, useText } from '../../i18n/i18n.ts';
import { Button, Drawer, Select } from '../../ui/kit.ts';
import { Answer } from '../../ui/states.tsx';

interface VariantRuleProps {
  readonly variant: Variant;
  readonly onChange: (variant: Variant) => void;
}

const NOTHING_EXPLAINED = new Map<string, never>();
const LANGUAGES = ['zh-Hant', 'zh-Hans', 'zh', 'en'];

/** Who gets this variant: customers for whom a condition holds, or of a language. */
export function VariantRule({ variant, onChange }: VariantRuleProps) {
  const t = useText();
  const language = useLanguage();
  const [editing, setEditing] = useState(false);
  const [built, setBuilt] = useState<Built | undefined>(undefined);
  const vocabulary = useQuery({ ...vocabularyQuery, enabled: editing });
  const sentence = useQuery({
    ...explainQuery(variant.when ?? { always: true }, language),
    enabled: variant.when !== undefined,
  });
  const { when: _when, ...withoutWhen } = variant;
  return (
    <div className="row gap-s">
      <span className="faint">{t('content.for')}</span>
      <Button onClick={() => setEditing(true)}>
        {variant.when ? t('content.changeWhen') : t('content.addWhen')}
      </Button>
      {variant.when ? (
        <>
          <span className="soft grow ellipsis" title={sentence.data?.nodes[0]?.sentence}>
            {sentence.data?.nodes[0]?.sentence}
          </span>
          <Button type="text" onClick={() => onChange(withoutWhen)}>
            {t('common.remove')}
          </Button>
        </>
      ) : null}
      <Select<string>
        allowClear
        style={{ width: 170 }}
        aria-label={t('content.language')}
        placeholder={t('content.anyLanguage')}
        value={variant.language}
        options={LANGUAGES.map((one) => ({ value: one, label: one }))}
        onChange={(next) => onChange({ ...variant, language: next })}
      />
      {editing ? (
        <Drawer
          open
          size={1100}
          title={t('content.whenTitle', { name: variant.name })}
          onClose={() => setEditing(false)}
          extra={
            <Button
              type="primary"
              disabled={!built?.complete}
              onClick={() => {
                if (built) onChange({ ...variant, when: built.condition });
                setEditing(false);
              }}
            >
              {t('content.useWhen')}
            </Button>
          }
        >
          <Answer query={vocabulary}>
            {(words) => (
              <ConditionBuilder
                vocabulary={words}
                initial={variant.when ?? { all: [] }}
                explained={NOTHING_EXPLAINED}
                onChange={setBuilt}
              />
            )}
          </Answer>
        </Drawer>
      ) : null}
    </div>
  );
}
