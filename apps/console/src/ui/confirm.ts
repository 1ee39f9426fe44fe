import { App } from 'antd';
import { useCallback } from 'react';
import { useText } from '../i18n/i18n.ts';

interface ConfirmQuestion {
  readonly title: string;
  readonly text?: string;
  /** What the button says that goes on. */
  readonly action: string;
  readonly danger?: boolean;
}

/** Asks before something that cannot be taken back; answers whether to go on. */
export function useConfirm(): (question: ConfirmQuestion) => Promise<boolean> {
  const { modal } = App.useApp();
  const t = useText();
  return useCallback(
    (question) =>
      new Promise((resolve) => {
        modal.confirm({
          title: question.title,
          content: question.text,
          okText: question.action,
          cancelText: t('common.cancel'),
          okButtonProps: { danger: question.danger === true },
          onOk: () => resolve(true),
          onCancel: () => resolve(false),
        });
      }),
    [modal, t],
  );
}
