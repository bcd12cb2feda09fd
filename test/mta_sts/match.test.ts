import { describe, expect, it } from 'vitest';
import { matchesPolicy } from '../../src/mta_sts/match';

const policy = (...mx: string[]) => ({ mode: 'enforce', mx, maxAge: 1, extensions: [] }) as const;

describe('an MX host', () => {
  it.each<[pattern: string, host: string]>([
    ['mx.example.com', 'mx.example.com'],
    ['mx.example.com', 'MX.Example.Com'],
    ['mx.example.com', 'mx.example.com.'],
    ['*.example.com', 'mx.example.com'],
    ['*.example.com', 'MX.EXAMPLE.COM.'],
    ['*.example.com', 'xn--bcher-kva.example.com'],
    ['mx.xn--bcher-kva.example', 'mx.bücher.example'],
    ['*.xn--bcher-kva.example', 'mx.BÜCHER.example'],
    ['*.com', 'example.com'],
  ])('of %s may be %s', (pattern, host) => {
    expect(matchesPolicy(policy('other.example', pattern), host)).toBe(true);
  });

  it.each<[pattern: string, host: string]>([
    ['mx.example.com', 'mx2.example.com'],
    ['mx.example.com', 'a.mx.example.com'],
    ['mx.example.com', 'example.com'],
    ['*.example.com', 'example.com'],
    ['*.example.com', 'a.b.example.com'],
    ['*.example.com', '.example.com'],
    ['*.example.com', '*.example.com'],
    ['*.example.com', 'mxexample.com'],
    ['*.example.com', 'mx.example.com.evil.test'],
    ['*.example.com', 'mx.example.com..'],
    ['*.com', 'a.example.com'],
    ['mx.example.com', ''],
    ['*.2.1', '192.0.2.1'],
  ])('of %s is not %s', (pattern, host) => {
    expect(matchesPolicy(policy('other.example', pattern), host)).toBe(false);
  });

  it('matches nothing where the policy names none', () => {
    expect(matchesPolicy(policy(), 'mx.example.com')).toBe(false);
  });
});
