import { useState } from 'react';
import { useText } from '../../i18n/i18n.ts';
import { Field } from '../../ui/field.tsx';
import { Input, Modal } from '../../ui/kit.ts';
import { ProblemView } from '../../ui/states.tsx';

interface ReasonModalProps {
  readonly title: string;
  readonly action: string;
  readonly label: string;
  /** Whether it may be left empty. */
  readonly isOptional?: boolean;
  readonly isPending: boolean;
  readonly error: unknown;
  readonly onConfirm: (reason: string) => void;
  readonly onClose: () => void;
}

/** Asks why before something is done that the audit trail keeps. */
export function ReasonModal(props: ReasonModalProps) {
  const t = useText();
  const [reason, setReason] = useState('');
  return (
    <Modal
      open
      title={props.title}
      okText={props.action}
      cancelText={t('common.cancel')}
      confirmLoading={props.isPending}
      okButtonProps={{ disabled: props.isOptional !== true && reason.trim().length < 3 }}
      onCancel={props.onClose}
      onOk={() => props.onConfirm(reason.trim())}
    >
      <div className="stack gap-m">
        <Field label={props.label}>
          <Input.TextArea
            autoFocus
            rows={3}
            value={reason}
            onChange={({ target }) => setReason(target.value)}
          />
        </Field>
        {props.error ? <ProblemView error={props.error} /> : null}
      </div>
    </Modal>
  );
}
