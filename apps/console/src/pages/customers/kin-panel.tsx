import type { CustomerProfile } from '@rapport/customers/contract';
import { useDynamicText, useText } from '../../i18n/i18n.ts';
import { CustomerLink } from '../../ui/customer-link.tsx';
import { Percent } from '../../ui/figures.tsx';
import { Panel } from '../../ui/page.tsx';
import { COVERED } from './covered.ts';

/** The household and the people and enterprises a customer has to do with. */
export function KinPanel({
  profile,
  covered,
}: {
  readonly profile: CustomerProfile;
  /** Names of people are not to be seen yet. */
  readonly covered: boolean;
}) {
  const t = useText();
  const dynamic = useDynamicText();
  const { household, relations, hiddenRelations } = profile;
  const nameOf = ({ name, kind }: { readonly name?: string; readonly kind: string }) =>
    covered && kind === 'retail' && name !== undefined ? COVERED : name;
  if (!household && relations.length === 0 && hiddenRelations === 0) return null;
  return (
    <Panel title={t('identity.kin')}>
      {household ? (
        <>
          <div className="faint">
            {t('identity.household')} ·{' '}
            {dynamic(`identity.householdBecause.${household.because}`, household.because)}
          </div>
          <ul className="list-plain list-rows">
            {household.members.map((member) => (
              <li key={member.customerId} className="row between gap-s">
                <CustomerLink customerId={member.customerId} />
                <span>{nameOf(member)}</span>
              </li>
            ))}
          </ul>
          <Hidden count={household.hidden} />
        </>
      ) : null}
      {relations.length > 0 ? (
        <ul className="list-plain list-rows">
          {relations.map((relation) => (
            <li
              key={`${relation.relation}${relation.direction}${relation.customerId}`}
              className="row between gap-s"
            >
              <div>
                <div>
                  {dynamic(
                    `identity.relation.${relation.relation}.${relation.direction}`,
                    `${relation.relation} ${relation.direction === 'out' ? '→' : '←'}`,
                  )}
                  {relation.share === undefined ? null : (
                    <>
                      {' '}
                      <Percent ratio={relation.share} />
                    </>
                  )}
                </div>
                <div className="faint">
                  <CustomerLink customerId={relation.customerId} />
                </div>
              </div>
              <span>{nameOf(relation)}</span>
            </li>
          ))}
        </ul>
      ) : null}
      <Hidden count={hiddenRelations} />
    </Panel>
  );
}

function Hidden({ count }: { readonly count: number }) {
  const t = useText();
  return count > 0 ? <p className="faint">{t('identity.hidden', { count })}</p> : null;
}
