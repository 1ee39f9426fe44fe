import { Button, Input, Space } from 'antd';
import { useState } from 'react';
import { useText } from '../i18n/i18n.ts';

/** A value to be copied elsewhere. */
export function CopyField({ label, value }: { readonly label: string; readonly value: string }) {
  const t = useText();
  const [copied, setCopied] = useState(false);
  const handleCopy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
    } catch {
      // The browser forbids it outside a secure context; the field can still be selected by hand.
      setCopied(false);
    }
  };
  return (
    <Space.Compact style={{ width: '100%' }}>
      <Input
        readOnly
        value={value}
        aria-label={label}
        className="mono"
        onFocus={(event) => event.target.select()}
      />
      <Button onClick={() => void handleCopy()}>{copied ? t('common.copied') : t('common.copy')}</Button>
    </Space.Compact>
  );
}
