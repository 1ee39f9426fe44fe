import { describe, expect, it } from 'vitest';
import { grants, navigation, productAt, visibleNavigation } from './navigation.ts';

describe('the navigation', () => {
  it('shows the four products first, then the AI lab, insights and governance', () => {
    expect(navigation.map((product) => product.key)).toEqual([
      'home',
      'marketing',
      'realtime',
      'recommendation',
      'tags',
      'lab',
      'insights',
      'governance',
    ]);
  });

  it('finds the product of a page and of what lies below it', () => {
    expect(productAt('/')).toBe('home');
    expect(productAt('/campaigns/cmp_1/report')).toBe('marketing');
    expect(productAt('/customers/C1')).toBe('tags');
    expect(productAt('/governance/users')).toBe('governance');
    expect(productAt('/campaignsandmore')).toBe('home');
  });

  it('offers only pages that the user may read', () => {
    const products = visibleNavigation(['campaigns.*', 'tags.read']);
    expect(products.map((product) => product.key)).toEqual(['home', 'marketing', 'tags']);
    expect(products[1]?.pages.map((page) => page.to)).toEqual(['/campaigns']);
  });

  it('grants as the server does: all, a noun, or one permission', () => {
    expect(grants(['*'], 'users.write')).toBe(true);
    expect(grants(['users.*'], 'users.write')).toBe(true);
    expect(grants(['users.read'], 'users.write')).toBe(false);
    expect(grants(['user.*'], 'users.write')).toBe(false);
  });
});
