import type { TemplateBody } from '@rapport/content/contract';

const EMAIL = `<mjml>
  <mj-head>
    <mj-attributes>
      <mj-all font-family="Helvetica, Arial, sans-serif" />
      <mj-text font-size="15px" line-height="1.6" color="#1b2733" />
    </mj-attributes>
  </mj-head>
  <mj-body background-color="#f6f5f1">
    <mj-section background-color="#ffffff" padding="32px">
      <mj-column>
        <mj-text font-size="22px" font-weight="600">Good news for you</mj-text>
        <mj-text>{{ customer.salutation | default: "Dear customer" }},</mj-text>
        <mj-text>tell your story here.</mj-text>
        <mj-button background-color="#14615c" href="{{ offer.url | default: "https://bank.example/" }}">Find out more</mj-button>
      </mj-column>
    </mj-section>
    <mj-section>
      <mj-column>
        <mj-text font-size="12px" color="#6b7885">
          {{ bank.name }} · <a href="{{ unsubscribe_url }}">Unsubscribe</a>
        </mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
`;
const SMS = '{{ bank.name }}: {{ customer.salutation | default: "Dear customer" }}, … {{ sms_opt_out }}';

/** A template of this channel to begin with, with all that the check asks for. */
export function starterOf(channel: TemplateBody['channel']): TemplateBody {
  return {
    name: '',
    channel,
    purpose: 'marketing',
    variants: [
      channel === 'email'
        ? { id: 'everyone', name: 'Everyone', subject: '{{ bank.name }}', body: EMAIL }
        : { id: 'everyone', name: 'Everyone', body: SMS },
    ],
  };
}
