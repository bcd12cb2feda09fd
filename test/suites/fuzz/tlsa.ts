/**
 * Inputs at random for the TLSA parser and the DANE verifier: records and certificates, mutated from sound ones or made
 * of nothing.
 *
 *   npm run fuzz -- tlsa [--inputs 200000] [--seed 1]
 *
 * Fails on anything thrown, and on any acceptance that OpenSSL's own parser and digests do not confirm.
 */
import { X509Certificate, createHash, createPublicKey } from 'node:crypto';
import { parseArgs } from 'node:util';
import { createCa, createKey, intermediate, issue } from '../../../haraka-test-harness/pki';
import { parseTlsaRecord, strongestRecords, usableRecords } from '../../../src/dane/records';
import type { TlsaRecord } from '../../../src/dane/types';
import { verifyDane, type DaneVerdict } from '../../../src/dane/verify';
import { messageOf } from '../../../src/text';
import { readCertificate } from '../../../src/x509/certificate';
import { mulberry32, type Random } from '../dane_oracle/random';

const host = 'mx.example.com';

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { inputs: { type: 'string', default: '200000' }, seed: { type: 'string', default: '1' } },
  });
  const tally = await fuzzTlsa(Number(values.inputs), Number(values.seed), console.log);
  console.log(
    `seed ${values.seed}: ${tally.inputs} inputs, ${tally.records} records parsed, ${tally.usable} usable, ` +
      `${tally.certificates} mutated certificates read, ${tally.malformed} of them malformed to the DER reader; ` +
      `${tally.accepted} accepted, ${tally.inputs - tally.accepted} refused, ${tally.faults.length} faults`,
  );
  for (const fault of tally.faults.slice(0, 20)) console.log(fault);
  return tally.faults.length === 0 ? 0 : 1;
}

export interface FuzzTally {
  inputs: number;
  records: number;
  usable: number;
  certificates: number;
  malformed: number;
  accepted: number;
  /** Crashes and acceptances that should not be, one line each. */
  faults: string[];
}

/** Runs `inputs` inputs, each a record set and a chain. `report` is given a line now and then. */
export async function fuzzTlsa(
  inputs: number,
  seed: number,
  report: (line: string) => void,
): Promise<FuzzTally> {
  const random = mulberry32(seed);
  const chains = await soundChains();
  const tally: FuzzTally = {
    inputs: 0,
    records: 0,
    usable: 0,
    certificates: 0,
    malformed: 0,
    accepted: 0,
    faults: [],
  };
  for (; tally.inputs < inputs; tally.inputs++) {
    const sound = random.pick(chains);
    const chain = buildChain(sound, random, tally);
    const rdata = Array.from({ length: random.below(4) + 1 }, () => buildRdata(sound, random));
    try {
      judge(chain, rdata, tally);
    } catch (error) {
      tally.faults.push(
        `input ${tally.inputs}: ${error instanceof Error ? (error.stack ?? '') : messageOf(error)}; ${hexOf(chain, rdata)}`,
      );
    }
    if ((tally.inputs + 1) % 50_000 === 0) report(`${tally.inputs + 1} inputs, ${tally.accepted} accepted`);
  }
  return tally;
}

function judge(chain: readonly X509Certificate[], rdata: readonly Buffer[], tally: FuzzTally): void {
  const records = rdata.map(parseTlsaRecord).filter((record) => record !== undefined);
  const usable = usableRecords(records);
  tally.records += records.length;
  tally.usable += strongestRecords(usable).length;
  const dane = { baseDomain: host, port: 25, records, referenceNames: [host] };
  const verdict = verifyDane({ chain, dane, now: new Date() });
  if (!isOneLine(verdict.text)) throw new Error(`a verdict of more than one line: ${verdict.text}`);
  if (verdict.kind !== 'authenticated') return;
  tally.accepted += 1;
  if (!confirmed(chain, records, verdict)) throw new Error(`accepted without a match: ${verdict.text}`);
}

function isOneLine(text: string): boolean {
  return text.length > 0 && text.length <= 1100 && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text);
}

/** Holds an acceptance against what OpenSSL parses and digests, and a chain of at least one signature. */
function confirmed(
  chain: readonly X509Certificate[],
  records: readonly TlsaRecord[],
  { record }: Extract<DaneVerdict, { kind: 'authenticated' }>,
): boolean {
  const [leaf, ...above] = chain;
  if (leaf === undefined || !records.includes(record)) return false;
  if (record.usage === 3) return describes(record, leaf);
  if (record.usage !== 2) return false;
  const published = records.flatMap(({ selector, matchingType, data }) =>
    selector === 0 && matchingType === 0 ? readable(() => new X509Certificate(data)) : [],
  );
  const issuers = [...above, ...published];
  const bareKeys = record.selector === 1 && record.matchingType === 0 ? readable(() => bareKey(record)) : [];
  const keys = issuers.flatMap((issuer) => readable(() => issuer.publicKey));
  const signed = [...keys, ...bareKeys].some((key) => readable(() => leaf.verify(key)).includes(true));
  return (
    signed &&
    (bareKeys.length > 0 ||
      issuers.some((issuer) => readable(() => describes(record, issuer)).includes(true)))
  );
}

function describes({ selector, matchingType, data }: TlsaRecord, certificate: X509Certificate): boolean {
  const whole =
    selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
  const wanted =
    matchingType === 0
      ? whole
      : createHash(matchingType === 1 ? 'sha256' : 'sha512')
          .update(whole)
          .digest();
  return wanted.equals(data);
}

function bareKey({ data }: TlsaRecord) {
  return createPublicKey({ key: Buffer.from(data), format: 'der', type: 'spki' });
}

function readable<T>(read: () => T): T[] {
  try {
    return [read()];
  } catch {
    return [];
  }
}

/** A certificate parsed once, because that is the dearest step of an input. */
interface Sound {
  readonly certificate: X509Certificate;
  readonly der: Buffer;
  readonly spki: Buffer;
}

/** Half of the chains are as they should be; in the others certificates are mutated, repeated, reordered or missing. */
function buildChain(sound: readonly Sound[], random: Random, tally: FuzzTally): X509Certificate[] {
  if (random.below(2) === 0) return sound.map(({ certificate }) => certificate);
  return sound.flatMap(({ certificate, der }) => {
    switch (random.below(4)) {
      case 0:
        return [certificate];
      case 1:
        return random.below(3) === 0 ? [] : [certificate, certificate];
      default: {
        const [mutated] = readable(() => new X509Certificate(mutate(der, random)));
        if (!mutated) return [certificate];
        tally.certificates += 1;
        if (readCertificate(mutated).kind === 'malformed') tally.malformed += 1;
        return [mutated];
      }
    }
  });
}

/** RDATA: right for one of the certificates, mutated, or noise. */
function buildRdata(sound: readonly Sound[], random: Random): Buffer {
  if (random.below(8) === 0) return noise(random, random.below(80));
  const { der, spki } = random.pick(sound);
  const usage = random.pick([2, 2, 3, 3, 0, 1, random.below(256)]);
  const selector = random.below(12) === 0 ? random.below(256) : random.below(2);
  const matchingType = random.below(12) === 0 ? random.below(256) : random.below(3);
  const whole = selector === 1 ? spki : der;
  const data =
    matchingType === 1 || matchingType === 2
      ? createHash(matchingType === 1 ? 'sha256' : 'sha512')
          .update(whole)
          .digest()
      : whole;
  const rdata = Buffer.concat([Buffer.from([usage, selector, matchingType]), data]);
  return random.below(2) === 0 ? rdata : mutate(rdata, random);
}

function mutate(bytes: Buffer, random: Random): Buffer {
  let copy = Buffer.from(bytes);
  for (let times = 1 + random.below(3); times > 0 && copy.length > 0; times--) {
    const place = random.below(copy.length);
    switch (random.below(6)) {
      case 0:
        copy = copy.subarray(0, place);
        break;
      case 1:
        copy = Buffer.concat([copy.subarray(0, place), noise(random, random.below(9)), copy.subarray(place)]);
        break;
      case 2:
        copy = Buffer.concat([copy.subarray(0, place), copy.subarray(place + random.below(5))]);
        break;
      default:
        copy.writeUInt8(random.pick([0, 0x7f, 0x80, 0xff, random.below(256)]), place);
    }
  }
  return copy;
}

function noise(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

function hexOf(chain: readonly X509Certificate[], rdata: readonly Buffer[]): string {
  const parts = [...chain.map(({ raw }) => raw), ...rdata].map((bytes) => bytes.toString('hex'));
  return `certificates and records: ${parts.join(' ')}`;
}

async function soundChains(): Promise<(readonly Sound[])[]> {
  const rsa = createKey('rsa');
  const root = await createCa({ commonName: 'Root', key: rsa });
  const middle = await intermediate(root, {
    commonName: 'Middle',
    pathLength: 0,
    nameConstraints: { permitted: [{ dns: 'example.com' }] },
  });
  const leaf = await issue(middle, { dnsNames: [host, '*.example.com'], emails: ['a@example.com'] });
  const byRoot = await issue(root, { dnsNames: [], commonName: host, key: 'ed25519' });
  const own = await createCa({ commonName: host, dnsNames: [host], purposes: ['serverAuth'] });
  return [[leaf, middle, root], [byRoot, root], [own]].map((chain) =>
    chain.map(({ certDer, key }) => ({
      certificate: new X509Certificate(certDer),
      der: certDer,
      spki: key.spki,
    })),
  );
}
