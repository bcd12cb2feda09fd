import { beforeAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { createCa, type Issued } from '../../haraka-test-harness/pki';
import {
  maximumRecords,
  parseTlsaRecord,
  strongestRecords,
  unusableBecause,
  usableRecords,
} from '../../src/dane/records';
import type { TlsaRecord } from '../../src/dane/types';

let ca: Issued;
beforeAll(async () => {
  ca = await createCa();
});

const record = (
  usage: number,
  selector: number,
  matchingType: number,
  octets: number,
  fill = 1,
): TlsaRecord => ({
  usage,
  selector,
  matchingType,
  data: new Uint8Array(octets).fill(fill),
});

describe('parseTlsaRecord', () => {
  it('reads three octets and the rest', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 3, maxLength: 80 }), (rdata) => {
        const { usage, selector, matchingType, data } = parseTlsaRecord(rdata)!;
        expect([usage, selector, matchingType, ...data]).toEqual([...rdata]);
      }),
    );
  });

  it.each(['', '03', '0301'])('%j is too short', (rdata) => {
    expect(parseTlsaRecord(Buffer.from(rdata, 'hex'))).toBeUndefined();
  });

  it('keeps its own copy of the data', () => {
    const rdata = Uint8Array.of(3, 1, 1, 7);
    const parsed = parseTlsaRecord(rdata);
    rdata[3] = 8;
    expect(parsed?.data).toEqual(Uint8Array.of(7));
  });
});

describe('usability', () => {
  it.each([
    [3, 1, 1, 32, 'usable'],
    [3, 1, 2, 64, 'usable'],
    [2, 0, 1, 32, 'usable'],
    [3, 1, 1, 31, 'its digest has 31 octets instead of 32'],
    [3, 1, 1, 33, 'its digest has 33 octets instead of 32'],
    [3, 1, 2, 32, 'its digest has 32 octets instead of 64'],
    [3, 1, 1, 0, 'its digest has 0 octets instead of 32'],
    [0, 1, 1, 32, 'usage 0 is not for SMTP'],
    [1, 1, 1, 32, 'usage 1 is not for SMTP'],
    [4, 1, 1, 32, 'usage 4 is unknown'],
    [255, 1, 1, 32, 'usage 255 is unknown'],
    [3, 2, 1, 32, 'selector 2 is unknown'],
    [3, 1, 3, 32, 'matching type 3 is unknown'],
    [3, 1, 0, 91, 'its data is no public key'],
    [2, 0, 0, 0, 'its data is no certificate'],
  ])('%i %i %i with %i octets: %s', (usage, selector, matchingType, octets, expected) => {
    expect(unusableBecause(record(usage, selector, matchingType, octets)) ?? 'usable').toBe(expected);
  });

  it('whole data must be one certificate or one key, and nothing else', () => {
    const pem = Buffer.from(ca.certPem);
    const hidden = Buffer.concat([
      Buffer.from([0x30, 0x82, (pem.length + 1) >> 8, (pem.length + 1) & 0xff, 0x0a]),
      pem,
    ]);
    const whole = (selector: number, data: Buffer) =>
      unusableBecause({ usage: 2, selector, matchingType: 0, data });
    expect(whole(0, ca.certDer)).toBeUndefined();
    expect(whole(1, ca.key.spki)).toBeUndefined();
    for (const data of [
      Buffer.concat([ca.certDer, Buffer.of(0)]),
      ca.certDer.subarray(0, -1),
      ca.key.spki,
      pem,
      hidden,
    ]) {
      expect(whole(0, data)).toBe('its data is no certificate');
    }
    for (const data of [Buffer.concat([ca.key.spki, Buffer.of(0)]), ca.certDer, Buffer.from('MA==')]) {
      expect(whole(1, data)).toBe('its data is no public key');
    }
  });

  it('each record counts once, in the order given, and at most so many', () => {
    const many = Array.from({ length: 3 * maximumRecords }, (_, index) => record(3, 1, 1, 32, index & 0x7f));
    expect(usableRecords([...many, ...many])).toEqual(many.slice(0, maximumRecords));
  });
});

describe('digest agility', () => {
  it.each([
    [
      'the strongest digest of a usage and selector counts',
      [
        [3, 1, 1],
        [3, 1, 2],
      ],
      [[3, 1, 2]],
    ],
    [
      'whole data takes no part',
      [
        [3, 1, 0],
        [3, 1, 1],
        [3, 1, 2],
      ],
      [
        [3, 1, 0],
        [3, 1, 2],
      ],
    ],
    [
      'selectors do not compete',
      [
        [3, 0, 1],
        [3, 1, 2],
      ],
      [
        [3, 0, 1],
        [3, 1, 2],
      ],
    ],
    [
      'usages do not compete',
      [
        [3, 1, 1],
        [2, 1, 2],
      ],
      [
        [3, 1, 1],
        [2, 1, 2],
      ],
    ],
    [
      'equals stay',
      [
        [2, 0, 1],
        [2, 0, 1],
      ],
      [
        [2, 0, 1],
        [2, 0, 1],
      ],
    ],
  ])('%s', (_fact, published, left) => {
    const records = published.map(([usage = 0, selector = 0, type = 0], index) =>
      record(usage, selector, type, 1, index),
    );
    const kinds = strongestRecords(records).map(({ usage, selector, matchingType }) => [
      usage,
      selector,
      matchingType,
    ]);
    expect(kinds).toEqual(left);
  });
});
