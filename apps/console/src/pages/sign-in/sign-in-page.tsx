import type { SessionView } from '@rapport/governance/contract';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { sessionQuery, signIn } from '../../api/session.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { Brand } from '../../shell/brand.tsx';
import { LanguageSwitcher } from '../../shell/language-switcher.tsx';
import { colors } from '../../theme/tokens.ts';
import { Button, Form, Input } from '../../ui/kit.ts';
import { ProblemView } from '../../ui/states.tsx';

interface Credentials {
  username: string;
  password: string;
}

export function SignInPage() {
  const t = useText();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { returnTo } = useSearch({ from: '/sign-in' });
  const attempt = useMutation({
    mutationFn: (credentials: Credentials) => signIn(credentials),
    onSuccess: async ({ user, permissions, expiresAt }) => {
      const session: SessionView = { user, permissions, expiresAt };
      queries.setQueryData(sessionQuery.queryKey, () => session);
      await navigate({ to: returnTo ?? '/', replace: true });
    },
  });
  return (
    <div className="sign-in">
      <div className="sign-in-art" aria-hidden="true">
        <svg viewBox="0 0 600 900" preserveAspectRatio="xMidYMid slice" aria-hidden="true">
          {[0, 1, 2, 3, 4, 5].map((line) => (
            <path
              key={line}
              d={`M-60 ${520 + line * 44}c180 0 200-${220 + line * 26} 380-${220 + line * 26} 130 0 150 150 340 ${60 - line * 20}`}
              fill="none"
              stroke={line === 2 ? colors.accentLight : colors.surface}
              strokeOpacity={line === 2 ? 0.8 : 0.1}
              strokeWidth={line === 2 ? 3 : 1.5}
            />
          ))}
        </svg>
        <span />
        <div>
          <h2>{t('shell.signIn.promise')}</h2>
          <p>{t('shell.signIn.promiseText')}</p>
        </div>
      </div>
      <main className="sign-in-form">
        <div className="row between">
          <Brand />
          <LanguageSwitcher />
        </div>
        <h1 className="page-title">{t('shell.signIn.title')}</h1>
        <Form<Credentials>
          layout="vertical"
          requiredMark={false}
          size="large"
          onFinish={(credentials) => attempt.mutate(credentials)}
        >
          <Form.Item
            name="username"
            label={t('shell.signIn.username')}
            rules={[{ required: true, message: t('shell.signIn.required') }]}
          >
            <Input autoComplete="username" autoFocus />
          </Form.Item>
          <Form.Item
            name="password"
            label={t('shell.signIn.password')}
            rules={[{ required: true, message: t('shell.signIn.required') }]}
          >
            <Input.Password autoComplete="current-password" />
          </Form.Item>
          {attempt.error ? (
            <div style={{ marginBottom: 16 }}>
              <ProblemView error={attempt.error} />
            </div>
          ) : null}
          <Button type="primary" htmlType="submit" block loading={attempt.isPending}>
            {t('shell.signIn.submit')}
          </Button>
        </Form>
      </main>
    </div>
  );
}
