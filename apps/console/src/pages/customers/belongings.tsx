import type { AccountView, HoldingView } from '@rapport/customers/contract';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { Badge } from '../../ui/badge.tsx';
import { DataTable } from '../../ui/data-table.tsx';
import { Day, Money } from '../../ui/figures.tsx';
import { Panel } from '../../ui/page.tsx';
import { Nothing } from '../../ui/states.tsx';

export function AccountsPanel({ accounts }: { readonly accounts: readonly AccountView[] }) {
  const t = useText();
  const dynamic = useDynamicText();
  return (
    <Panel flush title={t('customers.accounts')}>
      <DataTable<AccountView>
        label={t('customers.accounts')}
        rows={accounts}
        rowKey={(account) => account.accountId}
        empty={<Nothing title={t('customers.noAccounts')} />}
        columns={[
          { title: t('customers.number'), render: (_, account) => <code>{account.accountId}</code> },
          {
            title: t('customers.kind'),
            render: (_, account) => dynamic(`customers.accountKinds.${account.kind}`, account.kind),
          },
          {
            title: t('customers.balance'),
            align: 'right',
            render: (_, account) => <Money amountMinor={account.balanceMinor} currency={account.currency} />,
          },
          { title: t('customers.opened'), render: (_, account) => <Day date={account.openedOn} /> },
          {
            title: t('common.state'),
            render: (_, account) =>
              account.closedOn ? (
                <Badge tone="calm">{t('customers.closed')}</Badge>
              ) : (
                <Badge tone="good">{t('customers.open')}</Badge>
              ),
          },
        ]}
      />
    </Panel>
  );
}

export function HoldingsPanel({ holdings }: { readonly holdings: readonly HoldingView[] }) {
  const t = useText();
  const dynamic = useDynamicText();
  return (
    <Panel flush title={t('customers.holdings')}>
      <DataTable<HoldingView>
        label={t('customers.holdings')}
        rows={holdings}
        rowKey={(holding) => holding.holdingId}
        empty={<Nothing title={t('customers.noHoldings')} />}
        columns={[
          {
            title: t('customers.product'),
            render: (_, holding) => holding.productName ?? <code>{holding.productId}</code>,
          },
          {
            title: t('customers.kind'),
            render: (_, holding) => dynamic(`customers.holdingKinds.${holding.kind}`, holding.kind),
          },
          {
            title: t('customers.amount'),
            align: 'right',
            render: (_, holding) => <Money amountMinor={holding.amountMinor} currency={holding.currency} />,
          },
          { title: t('customers.from'), render: (_, holding) => <Day date={holding.since} /> },
          { title: t('customers.until'), render: (_, holding) => <Day date={holding.until} /> },
          { title: t('common.state'), dataIndex: 'status' },
        ]}
      />
    </Panel>
  );
}
