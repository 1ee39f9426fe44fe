/** `deposit_opened` as `Deposit opened`, for names that nobody has given a title. */
export function spelledOut(name: string): string {
  const words = name.replaceAll('_', ' ').trim();
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}
