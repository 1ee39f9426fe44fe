/** What a field for code takes. */
export interface CodeFieldProps {
  readonly value: string;
  readonly onChange?: ((value: string) => void) | undefined;
  readonly language: 'mjml' | 'json' | 'yaml' | 'sql' | 'text';
  /** Accessible name of the field. */
  readonly label: string;
  readonly height?: number | string;
  readonly readOnly?: boolean;
}
