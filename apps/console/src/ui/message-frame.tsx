import { colors } from '../theme/tokens.ts';

interface MessageFrameProps {
  readonly html: string;
  readonly title: string;
  readonly height: number;
  readonly widthPx?: number;
}

/** Shows an e-mail as it was made. The frame may run no script, open nothing and reach nothing of the console. */
export function MessageFrame({ html, title, height, widthPx }: MessageFrameProps) {
  return (
    <iframe
      title={title}
      srcDoc={html}
      sandbox=""
      referrerPolicy="no-referrer"
      style={{
        width: widthPx ?? '100%',
        maxWidth: '100%',
        height,
        border: `1px solid ${colors.line}`,
        borderRadius: 12,
        background: colors.surface,
        display: 'block',
        margin: '0 auto',
      }}
    />
  );
}

/** An SMS as it looks on a phone. */
export function SmsBubble({ text }: { readonly text: string }) {
  return (
    <div style={{ background: colors.sunken, borderRadius: 16, padding: 20 }}>
      <div
        style={{
          background: colors.primarySoft,
          borderRadius: '18px 18px 18px 4px',
          padding: '12px 16px',
          maxWidth: 360,
          whiteSpace: 'pre-wrap',
          overflowWrap: 'anywhere',
        }}
      >
        {text}
      </div>
    </div>
  );
}
