/** The tables in src/policy/tables.ts are those of the design. */
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/policy/decide';
import { decideAnswer } from '../../src/policy/decide_answer';
import { daneTable, standingTable, stsTable } from '../../src/policy/tables';
import { daneCells, stsCells } from './design_tables';
import { domain, mx, mxHost, noPolicy, route, rule } from './facts';

describe('the DANE table (RFC 7672)', () => {
  test.each(daneCells)('$name: $expected', ({ check }) => check());

  test('has no other rows', () => {
    expect([...new Set(daneCells.map(({ row }) => row))]).toEqual(Object.keys(daneTable));
  });
});

describe('the MTA-STS table (RFC 8461)', () => {
  test.each(stsCells)('$name: $expected', ({ check }) => check());

  test('has no other rows', () => {
    expect([...new Set(stsCells.map(({ row }) => row))]).toEqual(Object.keys(stsTable));
  });
});

describe('a cell that its row cannot carry out breaks the decision, and weakens nothing', () => {
  const absent = { tlsa: { kind: 'absent' } } as const;
  const own = {
    kind: 'known',
    security: 'secure',
    canonicalName: domain,
    hosts: [],
    missing: undefined,
  } as const;
  const routed = route(absent);
  const [facts] = routed.kind === 'route' ? routed.hosts : [];
  const answer = {
    domain,
    by: 'relay',
    hosts: [{ standing: { kind: 'route' }, facts: facts! }],
    own,
  } as const;

  test.each([
    [
      'to skip a host where no lookup failed',
      daneTable.tlsa_denied,
      { auto: 'skip' },
      () => decide(rule('auto'), { destination: mx('secure', mxHost(absent)), sts: noPolicy }),
    ],
    [
      'to authenticate without a record',
      daneTable.tlsa_denied,
      { auto: 'authenticate' },
      () => decide(rule('auto'), { destination: mx('secure', mxHost(absent)), sts: noPolicy }),
    ],
    [
      'to refuse a host for a policy that there is not',
      stsTable.no_policy,
      { by_itself: 'refuse' },
      () => decide(rule('mta_sts'), { destination: mx('secure', mxHost(absent)), sts: noPolicy }),
    ],
    [
      'to refuse a route for a look-up of our own',
      standingTable.route,
      { refused: 'where_asked' },
      () => decideAnswer(rule('auto'), { ...answer, real: 'not_asked', sts: noPolicy }),
    ],
  ] as const)('%s', (_what, row, changes, run) => {
    const before = { ...row };
    Object.assign(row, changes);
    try {
      expect(run).toThrow();
    } finally {
      Object.assign(row, before);
    }
    expect(run).not.toThrow();
  });
});
