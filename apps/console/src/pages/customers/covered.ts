/** What stands for personal data until it is asked for. */
export const COVERED = '••••••••';

/** Fields of a customer that are personal. */
export const PERSONAL: ReadonlySet<string> = new Set(['name', 'phone', 'email', 'address', 'birth_date']);
