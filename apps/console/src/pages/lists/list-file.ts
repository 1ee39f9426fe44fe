/** The first lines of a file that is about to be uploaded, cut into fields, so that its column can be chosen. */
export interface FileHead {
  readonly rows: readonly (readonly string[])[];
  readonly columns: number;
}

const SEPARATORS = [',', ';', '\t', '|'] as const;
const MOST_ROWS = 5;

/** Reads the beginning of a CSV or text file; quotes and the separators `,` `;` tab `|` are understood. */
export function readHead(text: string): FileHead {
  const body = text.replace(/^\uFEFF/, '');
  const firstLine = /^[^\r\n]*/.exec(body)?.[0] ?? '';
  const separator = SEPARATORS.map((one) => ({ one, count: firstLine.split(one).length })).reduce((a, b) =>
    b.count > a.count ? b : a,
  );
  const rows = rowsOf(body, separator.count > 1 ? separator.one : undefined);
  return { rows, columns: rows.reduce((most, row) => Math.max(most, row.length), 0) };
}

function rowsOf(text: string, separator: string | undefined): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = '';
  let inQuotes = false;
  const endRow = (): void => {
    row.push(field.trim());
    if (row.some((value) => value !== '')) rows.push(row);
    row = [];
    field = '';
  };
  for (let at = 0; at < text.length && rows.length < MOST_ROWS; at++) {
    const letter = text.charAt(at);
    if (inQuotes) {
      if (letter !== '"') field += letter;
      else if (text.charAt(at + 1) === '"') {
        field += '"';
        at++;
      } else inQuotes = false;
    } else if (letter === '"' && field === '') inQuotes = true;
    else if (letter === separator) {
      row.push(field.trim());
      field = '';
    } else if (letter === '\n') endRow();
    else if (letter !== '\r') field += letter;
  }
  if (rows.length < MOST_ROWS) endRow();
  return rows;
}

const PATTERNS = {
  email: /^[^\s@]+@[^\s@]+\.[^\s@]+$/,
  phone_sha256: /^[0-9a-f]{64}$/i,
  phone: /^\+?[\d\s()-]{8,20}$/,
  openid: /^o[\w-]{27}$/,
} as const;
const NAMES = {
  email: /e-?mail|郵|邮/i,
  phone_sha256: /sha|hash/i,
  phone: /phone|mobile|tel|手機|手机|電話|电话/i,
  openid: /open_?id/i,
  customer_id: /customer|client|客戶|客户|cust/i,
} as const;

export interface ColumnGuess {
  readonly column: number;
  readonly hasHead: boolean;
  readonly key: 'customer_id' | 'phone' | 'email' | 'openid' | 'phone_sha256';
}

/** Which column most likely names the customers, by its head or else by what its values look like. */
export function guessColumn({ rows, columns }: FileHead): ColumnGuess {
  const [head = [], ...body] = rows;
  for (let column = 0; column < columns; column++) {
    const name = head[column] ?? '';
    for (const key of ['phone_sha256', 'phone', 'email', 'openid', 'customer_id'] as const) {
      // A value is not a name: "a@bank.com" in the first line of a file without a head.
      if (NAMES[key].test(name) && !looksLikeValue(name)) return { column, hasHead: true, key };
    }
  }
  for (let column = 0; column < columns; column++) {
    const values = rows.map((row) => row[column] ?? '');
    for (const key of ['email', 'phone_sha256', 'phone', 'openid'] as const) {
      if (body.length > 0 && values.slice(1).every((value) => PATTERNS[key].test(value)))
        return { column, hasHead: !PATTERNS[key].test(values[0] ?? ''), key };
      if (body.length === 0 && PATTERNS[key].test(values[0] ?? '')) return { column, hasHead: false, key };
    }
  }
  const first = head[0] ?? '';
  return { column: 0, hasHead: columns > 1 && !/\d/.test(first), key: 'customer_id' };
}

const looksLikeValue = (text: string): boolean =>
  Object.values(PATTERNS).some((pattern) => pattern.test(text)) || /\d{3,}/.test(text);

/** What the server is told of the chosen column: its name in the head, or its number from 1. */
export function columnName(head: FileHead, { column, hasHead }: ColumnGuess): string {
  const name = hasHead ? (head.rows[0]?.[column] ?? '') : '';
  // A name that is a number would be read as a position.
  return name === '' || /^[1-9]\d{0,3}$/.test(name) ? String(column + 1) : name;
}
