/** TLSA record sets for a world: right, wrong, malformed, and mixed. */
import { X509Certificate, createHash } from 'node:crypto';
import type { Issued } from '../../../haraka-test-harness/pki';
import type { TlsaRecord } from '../../../src/dane/types';
import type { Random } from './random';
import type { World } from './worlds';

export interface RecordSet {
  readonly kind: string;
  readonly records: readonly TlsaRecord[];
}

/** Empty data is left out: `s_client` cannot be given any. */
type Damage = 'right' | 'wrong' | 'truncated' | 'over-long';

/** One to four records. Half of the sets hold a single record, so that a verdict can be traced to it. */
export function buildRecords(world: World, random: Random): RecordSet {
  const shape = random.below(20);
  if (shape < 12) {
    const usage = random.pick([2, 2, 2, 3]);
    const damage = random.pick<Damage>([
      'right',
      'right',
      'right',
      'right',
      'right',
      'right',
      'wrong',
      'truncated',
      'over-long',
    ]);
    return { kind: `one record: usage ${usage} ${damage}`, records: [record(world, random, usage, damage)] };
  }
  if (shape === 12) {
    const usage = random.pick([0, 1, 4, 255]);
    return { kind: 'one record: usage not for SMTP', records: [record(world, random, usage, 'right')] };
  }
  if (shape <= 14) return { kind: 'digest agility', records: random.shuffle(agility(world, random)) };
  const records = Array.from({ length: 2 + random.below(3) }, () =>
    record(
      world,
      random,
      random.pick([0, 1, 2, 2, 2, 3, 3, 4]),
      random.pick<Damage>(['right', 'right', 'wrong', 'wrong', 'truncated', 'over-long']),
    ),
  );
  return { kind: `${records.length} records`, records };
}

/** Records that differ in their matching type only, one of them wrong or malformed. */
function agility(world: World, random: Random): TlsaRecord[] {
  const usage = random.pick([2, 3, 3]);
  const selector = random.below(2);
  const target = chooseTarget(world, random, usage);
  const types = random.pick([
    [1, 2],
    [0, 2],
    [0, 1],
    [0, 1, 2],
  ]);
  return types.map((type) =>
    make(
      usage,
      selector,
      type,
      target,
      random.pick<Damage>(['right', 'right', 'wrong', 'wrong', 'truncated']),
      random,
    ),
  );
}

function record(world: World, random: Random, usage: number, damage: Damage): TlsaRecord {
  const selector = random.below(20) === 0 ? 2 : random.below(2);
  const matchingType = random.below(20) === 0 ? 3 : random.below(3);
  return make(usage, selector, matchingType, chooseTarget(world, random, usage), damage, random);
}

/** Usages 1 and 3 name the leaf, 0 and 2 an authority; now and then it is the other way round. */
function chooseTarget(world: World, random: Random, usage: number): Issued {
  const [leaf] = world.sent;
  if (leaf === undefined) throw new Error('a world without a leaf');
  const ends = usage === 1 || usage === 3;
  return ends !== (random.below(10) === 0) ? leaf : random.pick(world.authorities);
}

function make(
  usage: number,
  selector: number,
  matchingType: number,
  target: Issued,
  damage: Damage,
  random: Random,
): TlsaRecord {
  // Taken from OpenSSL's parser by way of Node, not from the code under test.
  const key = new X509Certificate(target.certDer).publicKey.export({ type: 'spki', format: 'der' });
  const whole = selector === 1 ? key : target.certDer;
  const data =
    matchingType === 1 || matchingType === 2
      ? createHash(matchingType === 1 ? 'sha256' : 'sha512')
          .update(whole)
          .digest()
      : whole;
  return { usage, selector, matchingType, data: damaged(data, damage, random) };
}

function damaged(data: Buffer, damage: Damage, random: Random): Buffer {
  switch (damage) {
    case 'right':
      return data;
    case 'wrong': {
      const copy = Buffer.from(data);
      // The last quarter: of whole data that is the signature or the key, so that it still parses.
      const place = data.length - 1 - random.below(Math.ceil(data.length / 4));
      copy.writeUInt8(copy.readUInt8(place) ^ (1 << random.below(8)), place);
      return copy;
    }
    case 'truncated':
      return data.subarray(0, data.length - 1 - random.below(Math.min(8, data.length - 1)));
    case 'over-long':
      return Buffer.concat([data, Buffer.alloc(1 + random.below(8), random.below(256))]);
  }
}
