import { describe, expect, it } from 'vitest';
import { domainOf, textOf } from '../../src/delivery/address';

/** What Haraka 3.2 puts in place of a string: a function that has the properties of a string, and no others. */
function callable(text: string): unknown {
  return new Proxy(() => text, {
    get: (_, name) => {
      if (name === 'toString' || name === 'valueOf' || name === Symbol.toPrimitive) return () => text;
      return (text as unknown as Record<string | symbol, unknown>)[name];
    },
  });
}

function method(this: { user: string; host: string }): string {
  return `${this.user}@${this.host}`;
}

describe('an envelope address', () => {
  it.each([
    ['a string', 'ours.example', 'ours.example'],
    ['a callable object', callable('ours.example'), 'ours.example'],
    ['an empty callable object', callable(''), ''],
    ['null', null, ''],
    ['undefined', undefined, ''],
  ])('has a domain that is a string where host is %s', (_what, host, domain) => {
    expect(domainOf({ host })).toBe(domain);
  });

  it.each([
    ['a string', { host: 'b.example', address: 'a@b.example' }, 'a@b.example'],
    ['a callable object', { host: callable('b.example'), address: callable('a@b.example') }, 'a@b.example'],
    ['a method', { user: 'a', host: 'b.example', address: method }, 'a@b.example'],
    ['nothing', { host: null }, ''],
  ])('has a text that is a string where address is %s', (_what, envelope, text) => {
    expect(textOf(envelope)).toBe(text);
  });
});
