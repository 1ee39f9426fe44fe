export type Decision = 'merge' | 'distinct' | 'later';

/** The decision a key stands for. */
export function decisionOfKey(key: string): Decision | undefined {
  switch (key.toLowerCase()) {
    case 'm':
      return 'merge';
    case 'x':
      return 'distinct';
    case 'l':
      return 'later';
    default:
      return undefined;
  }
}

/** How far a key moves in the queue. */
export function stepOfKey(key: string): number {
  switch (key.toLowerCase()) {
    case 'j':
      return 1;
    case 'k':
      return -1;
    default:
      return 0;
  }
}
