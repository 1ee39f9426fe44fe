import { describe, expect, it } from 'vitest';
import { spelledOut } from './spelled-out.ts';

describe('a name that nobody has given a title', () => {
  it('is spelled out', () => {
    expect(spelledOut('deposit_opened')).toBe('Deposit opened');
    expect(spelledOut('Login')).toBe('Login');
    expect(spelledOut('')).toBe('');
  });
});
