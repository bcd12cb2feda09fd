/** What is kept in Redis of a policy: who can write there must not decide policy. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clockSkew,
  decodeFailure,
  decodePolicy,
  encodeFailure,
  encodeLock,
  encodePolicy,
  isLocked,
  lockLife,
} from '../../src/fleet/policy_entry';
import { readSecrets, type Secrets } from '../../src/fleet/secret';
import type { StoredPolicy } from '../../src/mta_sts/store';

const secrets: Secrets = ['0123456789abcdef0123456789abcdef'];
const others: Secrets = ['fedcba9876543210fedcba9876543210'];
const now = 1_800_000_000_000;
const key = { domain: 'a.example', roots: 'default' };
const stored: StoredPolicy = {
  ...key,
  id: 'id1',
  fetchedAt: now - 1000,
  policy: { mode: 'enforce', mx: ['mx.a.example'], maxAge: 86_400, extensions: [['x', 'y']] },
};
const failed = {
  ...key,
  id: 'id1',
  failures: 2,
  failedAt: now - 1000,
  failure: { reason: 'sts-policy-fetch-error', text: 'refused' },
} as const;

const decode = (text: string, at = now, by: Secrets = secrets) =>
  decodePolicy(text, { secrets: by, key, now: at });
const policyOf = (over: Partial<StoredPolicy> = {}) => encodePolicy(secrets, 'one', { ...stored, ...over });

describe('a policy', () => {
  it('comes back whole, with the host that told of it', () => {
    expect(decode(policyOf())).toEqual({ kind: 'good', value: { ...stored, host: 'one' } });
  });

  it.each([
    ['under another key', decodePolicy(policyOf(), { secrets, key: { ...key, domain: 'b.example' }, now })],
    ['under other roots', decodePolicy(policyOf(), { secrets, key: { ...key, roots: 'x' }, now })],
    ['signed by another', decode(encodePolicy(others, 'one', stored))],
    ['from the future', decode(policyOf({ fetchedAt: now + clockSkew + 1 }))],
    ['with an id of no record', decode(policyOf({ id: 'id 1' }))],
    ['with a policy that no host may serve', decode(policyOf({ policy: { ...stored.policy, mx: [] } }))],
    ['that is none', decode('OK')],
    ['that is a list', decode('[1]')],
    ['that is null', decode('null')],
    ['that is cut off', decode(policyOf().slice(0, -20))],
    ['that is far too long', decode(`"${'x'.repeat(300_000)}"`)],
    ['that is a failure', decode(encodeFailure(secrets, 'one', failed))],
  ])('is refused %s', (_what, decoded) => {
    expect(decoded.kind).toBe('refused');
  });

  it('is over when its max_age has passed from the fetch, however late it comes', () => {
    const end = stored.fetchedAt + 86_400_000;
    expect(decode(policyOf(), end - 1).kind).toBe('good');
    expect(decode(policyOf(), end).kind).toBe('expired');
  });

  it('gains nothing from a clock that is a little ahead', () => {
    const decoded = decode(policyOf({ fetchedAt: now + clockSkew }));
    expect(decoded).toMatchObject({ kind: 'good', value: { fetchedAt: now } });
  });

  it('is refused with any character changed', () => {
    const text = policyOf();
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        const { kind } = decode(changed);
        // What means the same is the same.
        if (kind === 'good') expect(JSON.parse(changed)).toEqual(JSON.parse(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('is believed with each of the secrets, while one takes the place of the other', () => {
    expect(decode(policyOf(), now, [others[0], secrets[0]]).kind).toBe('good');
  });
});

describe('a failure', () => {
  const decodeAt = (text: string, at = now) => decodeFailure(text, { secrets, key, now: at });

  it('comes back whole', () => {
    expect(decodeAt(encodeFailure(secrets, 'one', failed))).toEqual({
      kind: 'good',
      value: { ...failed, host: 'one' },
    });
  });

  it.each([
    ['signed by another', encodeFailure(others, 'one', failed)],
    ['of another domain', encodeFailure(secrets, 'one', { ...failed, domain: 'b.example' })],
    ['from the future', encodeFailure(secrets, 'one', { ...failed, failedAt: now + clockSkew + 1 })],
    ['that is a policy', policyOf()],
    ['for a reason that there is not', encodeFailure(secrets, 'one', failed).replace('fetch-error', 'x')],
  ])('is refused %s', (_what, text) => {
    expect(decodeAt(text).kind).toBe('refused');
  });
});

describe('a lock', () => {
  const lock = encodeLock(secrets, key, 'nonce', now);

  it('holds for its time, and no longer', () => {
    expect(isLocked(lock, secrets, key, now + lockLife - 1)).toBe(true);
    expect(isLocked(lock, secrets, key, now + lockLife)).toBe(false);
  });

  it.each([
    ['another wrote', encodeLock(others, key, 'nonce', now)],
    ['is for another domain', encodeLock(secrets, { ...key, domain: 'b.example' }, 'nonce', now)],
    ['is from the future', encodeLock(secrets, key, 'nonce', now + clockSkew + 1)],
    ['is a word', 'locked'],
  ])('that %s holds nobody up', (_what, text) => {
    expect(isLocked(text, secrets, key, now)).toBe(false);
  });
});

describe('the file of secrets', () => {
  it('has one on each line, of which blanks at the ends are no part', () => {
    const text = `  ${secrets[0]}\r\n\n${others[0]}\n`;
    expect(readSecrets(text)).toEqual({ kind: 'secrets', secrets: [secrets[0], others[0]] });
  });

  it.each([
    ['', 'it is empty'],
    ['\n \n', 'it is empty'],
    ['secret\n', 'a secret is shorter than 32 characters'],
    [`${secrets[0]}\nshort\n`, 'a secret is shorter than 32 characters'],
  ])('"%s" is none', (text, why) => {
    expect(readSecrets(text)).toEqual({ kind: 'none', why });
  });
});
