import { convert } from 'html-to-text';
import { Tokenizer, TokenKind } from 'liquidjs';
import mjml2html from 'mjml';

export interface MjmlFault {
  readonly line: number;
  readonly column: number;
  readonly code: 'mjml' | 'dropped_liquid';
  readonly message: string;
}

export interface CompiledMjml {
  /** HTML with the Liquid still in it. */
  readonly html: string;
  /** Plain text with the Liquid still in it; `undefined` when it must be made from each rendered HTML. */
  readonly text: string | undefined;
  readonly faults: readonly MjmlFault[];
}

/**
 * Compiles MJML once for all receivers: Liquid is hidden behind marks while MJML runs, so MJML can neither
 * misread nor change it, and Liquid that MJML would silently drop (between structural tags) is found.
 * @param source MJML with Liquid; must parse as Liquid
 */
export async function compileMjml(source: string): Promise<CompiledMjml> {
  const { marked, pieces } = hideLiquid(source);
  const include = /<mj-include\b/i.exec(marked);
  if (include) {
    return failed(source, include.index, 'mj-include is not allowed; put the text into the template itself.');
  }
  try {
    const compiled = await mjml2html(marked, {
      validationLevel: 'soft',
      ignoreIncludes: true,
      keepComments: false,
    });
    const faults: MjmlFault[] = compiled.errors.map((error) => ({
      line: error.line,
      column: 1,
      code: 'mjml' as const,
      message: `<${error.tagName}>: ${error.message}`,
    }));
    for (const [index, piece] of pieces.entries()) {
      if (compiled.html.includes(markOf(index))) continue;
      faults.push({
        ...placeAt(source, piece.begin),
        code: 'dropped_liquid',
        message: `MJML drops ${piece.text} here; put it inside <mj-text>, or alone inside <mj-raw>.`,
      });
    }
    const text = toPlainText(compiled.html);
    const isComplete = pieces.every((piece, index) => !piece.isTag || countOf(text, markOf(index)) === 1);
    return {
      html: restore(compiled.html, pieces),
      text: isComplete ? restore(text, pieces) : undefined,
      faults,
    };
  } catch (error) {
    return failed(source, 0, error instanceof Error ? error.message : String(error));
  }
}

/** The plain-text alternative of an HTML mail. */
export function toPlainText(html: string): string {
  return convert(html, {
    wordwrap: false,
    selectors: [
      ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({
        selector,
        options: { uppercase: false },
      })),
      { selector: 'table', format: 'block' },
      { selector: 'img', format: 'skip' },
      { selector: 'a', options: { hideLinkHrefIfSameAsText: true, linkBrackets: [' ', ''] } },
    ],
  });
}

function failed(source: string, index: number, message: string): CompiledMjml {
  const text = message.split('\n')[0] ?? message;
  return { html: '', text: undefined, faults: [{ ...placeAt(source, index), code: 'mjml', message: text }] };
}

interface Piece {
  readonly text: string;
  readonly begin: number;
  readonly isTag: boolean;
}

/** Letters and digits only, so it is a fine attribute value, URL and text, and never equal to another's beginning. */
const markOf = (index: number): string => `lqd${index}qdl`;

function hideLiquid(source: string): { marked: string; pieces: Piece[] } {
  const pieces: Piece[] = [];
  let marked = '';
  for (const token of new Tokenizer(source).readTopLevelTokens()) {
    if (token.kind === TokenKind.HTML) {
      marked += source.slice(token.begin, token.end);
      continue;
    }
    marked += markOf(pieces.length);
    pieces.push({
      text: source.slice(token.begin, token.end),
      begin: token.begin,
      isTag: token.kind === TokenKind.Tag,
    });
  }
  return { marked, pieces };
}

const restore = (text: string, pieces: readonly Piece[]): string =>
  text.replace(/lqd(\d+)qdl/g, (mark, index: string) => pieces[Number(index)]?.text ?? mark);

const countOf = (text: string, part: string): number => text.split(part).length - 1;

function placeAt(source: string, index: number): { line: number; column: number } {
  const before = source.slice(0, index).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
