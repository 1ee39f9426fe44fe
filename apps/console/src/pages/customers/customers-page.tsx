import type { CustomerSummary } from '@rapport/customers/contract';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { customersQuery } from '../../api/customers.queries.ts';
import { orgUnitsQuery } from '../../api/governance.queries.ts';
import { itemsOf } from '../../api/paged.ts';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { DataTable } from '../../ui/data-table.tsx';
import { Day } from '../../ui/figures.tsx';
import { Input, Select } from '../../ui/kit.ts';
import { MoreButton } from '../../ui/more-button.tsx';
import { Page, Panel } from '../../ui/page.tsx';
import { Answer, Nothing } from '../../ui/states.tsx';

export function CustomersPage() {
  const t = useText();
  const dynamic = useDynamicText();
  const navigate = useNavigate();
  const [q, setQ] = useState('');
  const [orgUnit, setOrgUnit] = useState<string | undefined>(undefined);
  const customers = useInfiniteQuery(customersQuery({ q, orgUnit }));
  const orgs = useQuery(orgUnitsQuery);
  const unitNames = new Map(orgs.data?.items.map((unit) => [unit.code, unit.name]));
  return (
    <Page title={t('customers.title')} intro={t('customers.intro')}>
      <div className="row gap-s">
        <Input.Search
          allowClear
          size="large"
          style={{ maxWidth: 460 }}
          placeholder={t('customers.searchHint')}
          aria-label={t('customers.search')}
          onSearch={(text) => setQ(text.trim())}
        />
        <Select<string>
          allowClear
          size="large"
          style={{ width: 240 }}
          showSearch={{ optionFilterProp: 'label' }}
          placeholder={t('customers.orgUnit')}
          aria-label={t('customers.orgUnit')}
          value={orgUnit}
          onChange={(code) => setOrgUnit(code)}
          options={orgs.data?.items.map((unit) => ({ value: unit.code, label: unit.name }))}
        />
      </div>
      <Panel flush>
        <Answer query={customers}>
          {(data) => (
            <>
              <DataTable<CustomerSummary>
                label={t('customers.title')}
                rows={itemsOf(data)}
                rowKey={(customer) => customer.customerId}
                pageSize={100_000}
                onOpen={({ customerId }) =>
                  void navigate({ to: '/customers/$customerId', params: { customerId } })
                }
                empty={<Nothing title={t('customers.empty')} hint={t('customers.emptyHint')} />}
                columns={[
                  {
                    title: t('customers.customer'),
                    render: (_, customer) => (
                      <div>
                        <div style={{ fontWeight: 500 }}>{customer.name ?? customer.customerId}</div>
                        {customer.name ? <span className="faint num">{customer.customerId}</span> : null}
                      </div>
                    ),
                  },
                  {
                    title: t('customers.kind'),
                    render: (_, customer) => dynamic(`customers.kinds.${customer.kind}`, customer.kind),
                  },
                  {
                    title: t('customers.orgUnit'),
                    render: (_, customer) =>
                      customer.orgUnit ? (unitNames.get(customer.orgUnit) ?? customer.orgUnit) : '',
                  },
                  { title: t('customers.rm'), dataIndex: 'rm' },
                  { title: t('customers.city'), dataIndex: 'city' },
                  {
                    title: t('customers.risk'),
                    render: (_, customer) => (customer.riskLevel ? `C${customer.riskLevel}` : ''),
                  },
                  { title: t('customers.since'), render: (_, customer) => <Day date={customer.openedOn} /> },
                ]}
              />
              <MoreButton query={customers} />
            </>
          )}
        </Answer>
      </Panel>
    </Page>
  );
}
