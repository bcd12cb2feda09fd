import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  buildIndex,
  formatPeer,
  parsePeer,
  sectionsForAddress,
  sectionsForName,
  type Peer,
} from '../../src/peers/index';
import { maskTo, parseAddress, type Address } from '../../src/peers/network';
import type { Section } from '../../src/peers/section';

/** Few letters and few labels, so that names hit each other. */
const name = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 })
  .map((labels) => labels.join('.'));
const address: fc.Arbitrary<Address> = fc.oneof(
  fc.record({
    family: fc.constant(4 as const),
    bits: fc.constantFrom(0n, 1n, 2n, 0xff00_0001n, 0xffff_ffffn),
  }),
  fc.record({
    family: fc.constant(6 as const),
    bits: fc.constantFrom(0n, 1n, 2n, 1n << 127n, (1n << 127n) + 1n),
  }),
);
const network = fc.tuple(address, fc.nat(128)).map(([at, wide]) => {
  const prefix = at.family === 4 ? wide % 33 : wide;
  return { ...at, prefix, bits: maskTo(at, prefix) };
});
const peer: fc.Arbitrary<Peer> = fc.oneof(
  name.map((of) => ({ kind: 'name' as const, name: of })),
  name.map((domain) => ({ kind: 'wildcard' as const, domain })),
  network.map((of) => ({ kind: 'network' as const, network: of })),
);
const peers = fc.uniqueArray(peer, { selector: formatPeer, maxLength: 30 });

function section(of: Peer): Section<object> {
  return { name: formatPeer(of), file: '', line: 1, status: 'enabled', values: {}, lines: {} };
}

/** What the manual says, written as a filter and a sort over all peers. */
function expectedForName(all: readonly Peer[], asked: string): string[] {
  const rank = (of: Peer) => (of.kind === 'name' ? 1000 : of.kind === 'wildcard' ? of.domain.length : 0);
  return all
    .filter((of) =>
      of.kind === 'name' ? of.name === asked : of.kind === 'wildcard' && asked.endsWith(`.${of.domain}`),
    )
    .sort((x, y) => rank(y) - rank(x))
    .map(formatPeer);
}

function expectedForAddress(all: readonly Peer[], asked: Address): string[] {
  const bitsOf = (at: Address) => at.bits.toString(2).padStart(at.family === 4 ? 32 : 128, '0');
  return all
    .flatMap((of) => (of.kind === 'network' && of.network.family === asked.family ? [of] : []))
    .filter(({ network: of }) => bitsOf(asked).startsWith(bitsOf(of).slice(0, of.prefix)))
    .sort((x, y) => y.network.prefix - x.network.prefix)
    .map(formatPeer);
}

test('names find what a search through all peers finds, in the same order', () => {
  fc.assert(
    fc.property(peers, name, (all, asked) => {
      const index = buildIndex(all.map((of) => [of, section(of)] as const));
      const found = [...sectionsForName(index, asked)].map((of) => of.name);
      expect(found).toEqual(expectedForName(all, asked));
    }),
    { numRuns: 500 },
  );
});

test('addresses find what a search through all networks finds, in the same order', () => {
  fc.assert(
    fc.property(peers, address, (all, asked) => {
      const index = buildIndex(all.map((of) => [of, section(of)] as const));
      const found = [...sectionsForAddress(index, asked)].map((of) => of.name);
      expect(found).toEqual(expectedForAddress(all, asked));
    }),
    { numRuns: 500 },
  );
});

test('a peer is read back from the text that it is written as', () => {
  fc.assert(
    fc.property(peer, (of) => {
      expect(parsePeer(formatPeer(of))).toEqual(of);
    }),
  );
});

test.each([
  ['*', undefined],
  ['*.', undefined],
  ['*x.example', undefined],
  ['a.*.example', undefined],
  ['a..example', undefined],
  ['', undefined],
  ['a b.example', undefined],
  ['*.192.0.2.1', undefined],
  ['192.0.2.0/33', undefined],
  ['*.Example.', { kind: 'wildcard', domain: 'example' }],
  ['EXAMPLE.com.', { kind: 'name', name: 'example.com' }],
])('the peer %j is read as %j', (text, expected) => {
  expect(parsePeer(text)).toEqual(expected);
});

test('an address of the other family finds nothing', () => {
  const all: Peer[] = [parsePeer('0.0.0.0/0')!];
  const index = buildIndex(all.map((of) => [of, section(of)] as const));
  expect([...sectionsForAddress(index, parseAddress('2001:db8::1')!)]).toEqual([]);
  expect([...sectionsForAddress(index, parseAddress('::ffff:1.2.3.4')!)]).toHaveLength(1);
});
