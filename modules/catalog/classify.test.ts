import { expect, it } from 'vitest';
import { classify, isBankCard, isHongKongId, isMainlandId, isTaiwanId } from './classify.ts';

it('checks the check digits of identity cards and bank cards', () => {
  expect(isMainlandId('11010519491231002X')).toBe(true);
  expect(isMainlandId('110105194912310021')).toBe(false);
  expect(isTaiwanId('A123456789')).toBe(true);
  expect(isTaiwanId('A123456788')).toBe(false);
  expect(isHongKongId('G123456(A)')).toBe(true);
  expect(isHongKongId('G123456(8)')).toBe(false);
  expect(isBankCard('6222021001116245702')).toBe(isBankCard('6222 0210 0111 6245 702'));
  expect(isBankCard('4111111111111111')).toBe(true);
  expect(isBankCard('4111111111111112')).toBe(false);
});

const suggest = (name: string, values: readonly string[], from?: string) =>
  classify({ name, type: 'text', ...(from === undefined ? {} : { from }) }, values);

it('knows personal data by its values, full-width digits included, whatever the column is called', () => {
  const phones = ['13800138000', '１３９００１３９０００', '+886912345678', '0912345678'];
  expect(suggest('c7', phones)).toMatchObject({ dataClass: 'C2', what: 'phone', by: 'values', share: 1 });
  expect(suggest('c8', ['a@b.com', 'c@d.tw', 'x@y.hk'])).toMatchObject({ what: 'email' });
  expect(suggest('c9', ['王小明', '陳大文', '李四', '张三'])).toMatchObject({ what: 'name' });
  expect(suggest('c10', ['A123456789', 'F131104093', '11010519491231002X'])).toMatchObject({
    what: 'id_card',
  });
});

it('knows it by the name of the column where values are few, and says nothing of others', () => {
  expect(suggest('login_password', [])).toMatchObject({ dataClass: 'C3', what: 'secret', by: 'name' });
  expect(suggest('c1', [], '手机号')).toMatchObject({ dataClass: 'C2', what: 'phone' });
  expect(suggest('branch', ['台北分行', '上海分行', '香港分行'])).toBeUndefined();
  expect(suggest('day', ['2026-01-01', '2026-01-02', '2026-01-03'])).toBeUndefined();
});
