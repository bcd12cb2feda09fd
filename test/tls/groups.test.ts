import { createSecureContext } from 'node:tls';
import { expect, test } from 'vitest';
import { groupList, hasClassicHello } from '../../src/tls/groups';

test.each(['default', 'classic'] as const)('this Node takes the %s groups, P-521 among them', (hello) => {
  expect(() => createSecureContext({ ecdhCurve: groupList(hello) })).not.toThrow();
  expect(groupList(hello).split(':')).toContain('P-521');
});

test('the classic groups know no ML-KEM, the others do where this Node does', () => {
  expect(groupList('classic')).not.toContain('MLKEM');
  expect(groupList('default').includes('MLKEM')).toBe(hasClassicHello());
});
