import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { emergencyStopsQuery } from '../api/channels.queries.ts';
import { useText } from '../i18n/i18n.ts';
import { useMay } from './session.ts';

/** Says on every page that nothing is being sent, as long as a global emergency stop is in force. */
export function StopBanner() {
  const t = useText();
  const may = useMay();
  const stops = useQuery({ ...emergencyStopsQuery, enabled: may('channels.read'), refetchInterval: 60_000 });
  const stopped = stops.data?.items.some((stop) => stop.scope.kind === 'global' && !stop.liftedAt) ?? false;
  if (!stopped) return null;
  return (
    <div className="shell-stopped" role="alert">
      {t('shell.stopped')} <Link to="/governance/emergency">{t('shell.stoppedLink')}</Link>
    </div>
  );
}
