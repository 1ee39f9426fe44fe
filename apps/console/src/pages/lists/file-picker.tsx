import { useState } from 'react';
import type { ListKey } from '../../api/lists.queries.ts';
import { useText } from '../../i18n/i18n.ts';
import { useFormats } from '../../ui/figures.tsx';
import { Form, Select, Upload } from '../../ui/kit.ts';
import { type ColumnGuess, columnName, type FileHead, guessColumn, readHead } from './list-file.ts';

/** A file with what it takes to match it. */
export interface ChosenFile {
  readonly file: File;
  readonly key: ListKey;
  readonly column: string | undefined;
}

interface FilePickerProps {
  readonly onChange: (chosen: ChosenFile | undefined) => void;
}

const KEYS: readonly ListKey[] = ['customer_id', 'phone', 'email', 'openid', 'phone_sha256'];
const HEAD_BYTES = 32 * 1024;

/** Takes a file, shows its first lines, and proposes which column names the customers and how. */
export function FilePicker({ onChange }: FilePickerProps) {
  const t = useText();
  const formats = useFormats();
  const [file, setFile] = useState<File | undefined>(undefined);
  const [head, setHead] = useState<FileHead>({ rows: [], columns: 0 });
  const [guess, setGuess] = useState<ColumnGuess>({ column: 0, hasHead: false, key: 'customer_id' });
  const tell = (next: File, of: FileHead, as: ColumnGuess): void =>
    onChange({ file: next, key: as.key, column: of.columns === 0 ? undefined : columnName(of, as) });

  const take = async (next: File): Promise<void> => {
    const read = readHead(await next.slice(0, HEAD_BYTES).text());
    const guessed = guessColumn(read);
    setFile(next);
    setHead(read);
    setGuess(guessed);
    tell(next, read, guessed);
  };
  const decide = (part: Partial<ColumnGuess>): void => {
    const next = { ...guess, ...part };
    setGuess(next);
    if (file) tell(file, head, next);
  };
  const columns = Array.from({ length: head.columns }, (_, column) => column).flatMap((column) => {
    const name = head.rows[0]?.[column] ?? '';
    const unnamed = { value: `${column}:values`, label: t('lists.noHead', { number: column + 1 }) };
    return name === '' || head.rows.length === 1
      ? [unnamed]
      : [{ value: `${column}:head`, label: name }, unnamed];
  });
  return (
    <>
      <Upload.Dragger
        accept=".csv,.txt,.tsv,text/csv,text/plain"
        maxCount={1}
        showUploadList={false}
        beforeUpload={(next) => {
          void take(next);
          return false;
        }}
      >
        <p style={{ fontWeight: 550, padding: '0 12px' }}>
          {file ? `${file.name} · ${formats.bytes(file.size)}` : t('lists.drop')}
        </p>
        <p className="faint" style={{ padding: '0 16px' }}>
          {file ? t('lists.another') : t('lists.dropHint')}
        </p>
      </Upload.Dragger>
      {file && head.columns > 0 ? (
        <>
          <div className="stack gap-xs" style={{ margin: '14px 0' }}>
            <span className="faint">{t('lists.preview')}</span>
            <div className="file-preview">
              <table>
                <tbody>
                  {head.rows.map((row, line) => (
                    // Lines of a file have no other identity than their number.
                    // biome-ignore lint/suspicious/noArrayIndexKey: see above
                    <tr key={line} data-head={line === 0 && guess.hasHead}>
                      {Array.from({ length: head.columns }, (_, column) => (
                        // biome-ignore lint/suspicious/noArrayIndexKey: columns neither
                        <td key={column} data-chosen={column === guess.column}>
                          {row[column]}
                        </td>
                      ))}
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </div>
          <div className="grid" style={{ gap: 12 }}>
            <Form.Item label={t('lists.column')} style={{ marginBottom: 0 }}>
              <Select<string>
                aria-label={t('lists.column')}
                value={`${guess.column}:${guess.hasHead ? 'head' : 'values'}`}
                options={columns}
                onChange={(value) =>
                  decide({ column: Number.parseInt(value, 10), hasHead: value.endsWith(':head') })
                }
              />
            </Form.Item>
            <Form.Item label={t('lists.key.title')} style={{ marginBottom: 0 }}>
              <Select<ListKey>
                aria-label={t('lists.key.title')}
                value={guess.key}
                options={KEYS.map((key) => ({ value: key, label: t(`lists.key.${key}`) }))}
                onChange={(key) => decide({ key })}
              />
            </Form.Item>
          </div>
        </>
      ) : null}
    </>
  );
}
