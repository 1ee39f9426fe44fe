import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { signOut } from '../api/session.queries.ts';
import { useText } from '../i18n/i18n.ts';
import { SignOutIcon, UserIcon } from '../ui/icons.ts';
import { Button, Dropdown } from '../ui/kit.ts';
import { useNotify } from '../ui/notify.ts';
import { useNarrow } from '../ui/use-narrow.ts';
import { useSession } from './session.ts';

export function UserMenu() {
  const t = useText();
  const session = useSession();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const notify = useNotify();
  const narrow = useNarrow();
  if (!session) return null;
  const handleSignOut = async (): Promise<void> => {
    try {
      await signOut();
      await navigate({ to: '/sign-in' });
      queries.clear();
    } catch (error) {
      notify.problem(error);
    }
  };
  return (
    <Dropdown
      trigger={['click']}
      menu={{
        items: [
          {
            key: 'who',
            disabled: true,
            label: (
              <div style={{ padding: '4px 0', minWidth: 180 }}>
                <div>
                  <strong>{session.user.displayName}</strong>
                </div>
                <div className="faint">
                  {session.user.username} · {session.user.orgUnit ?? t('shell.wholeBank')}
                </div>
              </div>
            ),
          },
          { type: 'divider' },
          {
            key: 'out',
            icon: <SignOutIcon />,
            label: t('shell.signOut'),
            onClick: () => void handleSignOut(),
          },
        ],
      }}
    >
      <Button type="text" icon={<UserIcon />} aria-label={t('shell.userMenu')}>
        {narrow ? null : session.user.displayName}
      </Button>
    </Dropdown>
  );
}
