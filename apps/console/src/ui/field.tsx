import { cloneElement, type ReactElement, useId } from 'react';

interface FieldProps {
  readonly label: string;
  readonly children: ReactElement<{ id?: string }>;
}

/** A control with its label above it. */
export function Field({ label, children }: FieldProps) {
  const id = useId();
  return (
    <div className="stack gap-xs">
      <label htmlFor={id}>{label}</label>
      {cloneElement(children, { id })}
    </div>
  );
}
