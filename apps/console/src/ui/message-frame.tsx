import { colors } from '../theme/tokens.ts';

/**
 * Lets only the bank's own images load: the tracking pixel of a message that is looked at here would otherwise count
 * as opened by the customer.
 */
function untracked(html: string): string {
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data: ${location.origin}/api/v1/materials/">`;
  const head = /<head[^>]*>/i.exec(html);
  if (!head) return policy + html;
  const at = head.index + head[0].length;
  return html.slice(0, at) + policy + html.slice(at);
}

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
      srcDoc={untracked(html)}
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
