import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { checkQuery, templateQuery, templatesQuery } from '../../../api/content.queries.ts';
import { offersQuery } from '../../../api/offers.queries.ts';
import { itemsOf } from '../../../api/paged.ts';
import { useLocalized, useText } from '../../../i18n/i18n.ts';
import { Form, Select } from '../../../ui/kit.ts';
import { cells, side } from '../../../ui/metrics.ts';
import { Panel } from '../../../ui/page.tsx';
import { Answer, Nothing } from '../../../ui/states.tsx';
import { CheckPanel } from '../../content/check-panel.tsx';
import { PreviewPanel } from '../../content/preview-panel.tsx';
import type { StepProps } from './step-props.ts';

/** 內容定制: what is said, and which offer it carries. */
export function ContentStep({ draft, change }: StepProps) {
  const t = useText();
  const localized = useLocalized();
  const templates = useInfiniteQuery(templatesQuery());
  const offers = useInfiniteQuery(offersQuery('active'));
  const all = templates.data ? itemsOf(templates.data) : [];
  const templateId = draft.content?.templateId;
  const audienceId = draft.audience?.audienceId;
  const check = useQuery({
    ...checkQuery({ templateId, ...(audienceId ? { audienceId } : {}) }),
    enabled: templateId !== undefined,
  });
  return (
    <div className="split" style={side(520)}>
      <div className="stack gap-m">
        <Panel title={t('campaigns.content.title')}>
          <Form layout="vertical" component="div">
            <div className="grid" style={cells(260)}>
              <Form.Item label={t('campaigns.content.template')} htmlFor="template">
                <Select<string>
                  id="template"
                  showSearch={{ optionFilterProp: 'label' }}
                  placeholder={t('campaigns.content.chooseTemplate')}
                  loading={templates.isPending}
                  value={templateId}
                  options={all.map((one) => ({
                    value: one.id,
                    label: `${one.name} (${t(`common.channel.${one.channel}`)})`,
                    disabled: one.version === 0,
                  }))}
                  onChange={(id) => {
                    const chosen = all.find((one) => one.id === id);
                    // The template is made for one channel, so choosing it settles the channel too.
                    change({
                      content: { ...draft.content, templateId: id },
                      ...(chosen && chosen.channel !== draft.channel
                        ? { channel: chosen.channel, providerId: undefined }
                        : {}),
                    });
                  }}
                />
              </Form.Item>
              <Form.Item label={t('campaigns.content.offer')} htmlFor="offer">
                <Select<string>
                  allowClear
                  id="offer"
                  disabled={templateId === undefined}
                  placeholder={t('campaigns.content.noOffer')}
                  value={draft.content?.offerId}
                  options={(offers.data ? itemsOf(offers.data) : []).map((one) => ({
                    value: one.id,
                    label: localized(one.name),
                  }))}
                  onChange={(offerId) => {
                    if (templateId !== undefined) change({ content: { templateId, offerId } });
                  }}
                />
              </Form.Item>
            </div>
            {templateId ? (
              <Link to="/templates/$templateId" params={{ templateId }}>
                {t('campaigns.content.open')}
              </Link>
            ) : (
              <span className="faint">{t('campaigns.content.publishedOnly')}</span>
            )}
          </Form>
        </Panel>
        {templateId ? <CheckPanel check={check} /> : null}
      </div>
      {templateId ? (
        <TemplatePreview templateId={templateId} offerId={draft.content?.offerId} />
      ) : (
        <Panel>
          <Nothing title={t('campaigns.content.chooseTemplate')} />
        </Panel>
      )}
    </div>
  );
}

interface TemplatePreviewProps {
  readonly templateId: string;
  readonly offerId: string | undefined;
}

function TemplatePreview({ templateId, offerId }: TemplatePreviewProps) {
  const template = useQuery(templateQuery(templateId));
  return (
    <Answer query={template}>
      {({ name, channel, purpose, variants }) => (
        <PreviewPanel
          template={{ name, channel, purpose, variants }}
          variantId={variants[0]?.id}
          offerId={offerId}
        />
      )}
    </Answer>
  );
}
