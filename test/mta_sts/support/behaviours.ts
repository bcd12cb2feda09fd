/** Policy hosts that behave and misbehave, each with one behaviour, and what a fetch must make of it. */
import { gzipSync } from 'node:zlib';
import type * as tls from 'node:tls';
import { createCa, intermediate, issue, selfSigned, type Issued } from '../../../haraka-test-harness/pki';
import type { FailureReason } from '../../../src/failure';
import { PolicyFetcher, type Fetched } from '../../../src/mta_sts/fetch';
import { Hosts, policyText, response, type Answerer } from './hosts';

interface Setting {
  readonly hosts: Hosts;
  readonly host: string;
  /** The addresses that are this behaviour's own. */
  readonly address: string;
  readonly second: string;
}

interface Behaviour {
  readonly name: string;
  readonly answer?: Answerer;
  readonly certificate?: (setting: Setting) => Promise<Issued>;
  readonly tls?: tls.TlsOptions;
  /** Instead of one TLS host at `address`. */
  readonly build?: (setting: Setting) => Promise<unknown>;
  readonly publicOnly?: boolean;
  readonly expected: 'fetched' | readonly [reason: FailureReason, text: RegExp];
}

const day = 24 * 3600_000;
const good = policyText();
const whole: Answerer = (socket) => socket.end(response(good));
const says =
  (...parts: Parameters<typeof response>): Answerer =>
  (socket) =>
    socket.end(response(...parts));
const fetchError = (text: RegExp) => ['sts-policy-fetch-error', text] as const;
const invalid = (text: RegExp) => ['sts-policy-invalid', text] as const;
const distrusted = (text: RegExp) => ['sts-webpki-invalid', text] as const;

/** Writes until the other side hangs up. */
const forever =
  (head: string, piece: Buffer): Answerer =>
  (socket) => {
    socket.write(head);
    const more = () => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', more);
    more();
  };

const drip =
  (head: string): Answerer =>
  (socket) => {
    socket.write(head);
    const timer = setInterval(() => socket.write('a'), 20);
    socket.on('close', () => clearInterval(timer));
  };

const head = (...lines: string[]) =>
  `${['HTTP/1.1 200 OK', 'Content-Type: text/plain', ...lines].join('\r\n')}\r\n\r\n`;

export const behaviours: readonly Behaviour[] = [
  { name: 'well-behaved', answer: whole, expected: 'fetched' },
  {
    name: 'a charset after the type',
    answer: says(good, { type: 'Text/Plain; charset=utf-8' }),
    expected: 'fetched',
  },
  {
    name: 'chunked',
    answer: (socket) =>
      socket.end(`${head('Transfer-Encoding: chunked')}${good.length.toString(16)}\r\n${good}\r\n0\r\n\r\n`),
    expected: 'fetched',
  },
  {
    name: 'no length, ended by closing',
    answer: (socket) => socket.end(`${head()}${good}`),
    expected: fetchError(/neither Content-Length nor chunked/),
  },
  {
    name: 'no length, cut within max_age by a bare FIN',
    answer: (socket, _request, raw) => {
      socket.write(`${head()}${good.slice(0, good.lastIndexOf('6400'))}`, () => raw.end());
    },
    expected: fetchError(/neither Content-Length nor chunked/),
  },
  {
    name: 'no length, by HTTP/1.0',
    answer: (socket) => socket.end(`${head().replace('HTTP/1.1', 'HTTP/1.0')}${good}`),
    expected: fetchError(/neither Content-Length nor chunked/),
  },
  {
    name: 'a coding that is not chunked, ended by closing',
    answer: (socket) => socket.end(`${head('Transfer-Encoding: identity')}${good}`),
    expected: fetchError(/Transfer-Encoding identity|Parse Error/),
  },
  {
    name: 'another coding within chunked',
    answer: (socket) =>
      socket.end(
        `${head('Transfer-Encoding: gzip, chunked')}${good.length.toString(16)}\r\n${good}\r\n0\r\n\r\n`,
      ),
    expected: fetchError(/Transfer-Encoding gzip, chunked/),
  },
  {
    name: 'chunked behind another coding that is last',
    answer: (socket) => socket.end(`${head('Transfer-Encoding: chunked, gzip')}${good}`),
    expected: fetchError(/Transfer-Encoding chunked, gzip|Parse Error/),
  },
  {
    name: 'both a length and chunked',
    answer: (socket) =>
      socket.end(
        `${head('Transfer-Encoding: chunked', 'Content-Length: 5')}${good.length.toString(16)}\r\n${good}\r\n0\r\n\r\n`,
      ),
    expected: fetchError(/Parse Error/),
  },
  {
    name: 'redirect 301',
    answer: says('', { status: '301 Moved', headers: ['Location: /elsewhere'] }),
    expected: fetchError(/HTTP status 301/),
  },
  {
    name: 'redirect 302 with a policy in it',
    answer: says(good, { status: '302 Found', headers: ['Location: /elsewhere'] }),
    expected: fetchError(/HTTP status 302/),
  },
  {
    name: '404',
    answer: says('not here', { status: '404 Not Found' }),
    expected: fetchError(/HTTP status 404/),
  },
  {
    name: '500 with a policy in it',
    answer: says(good, { status: '500 Oops' }),
    expected: fetchError(/HTTP status 500/),
  },
  { name: '203', answer: says(good, { status: '203 Changed' }), expected: fetchError(/HTTP status 203/) },
  {
    name: '204',
    answer: (socket) => socket.end('HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n\r\n'),
    expected: fetchError(/HTTP status 204/),
  },
  { name: '206', answer: says(good, { status: '206 Partial' }), expected: fetchError(/HTTP status 206/) },
  {
    name: '304',
    answer: (socket) => socket.end('HTTP/1.1 304 Not Modified\r\nContent-Type: text/plain\r\n\r\n'),
    expected: fetchError(/HTTP status 304/),
  },
  {
    name: 'HTML',
    answer: says('<html></html>', { type: 'text/html' }),
    expected: fetchError(/Content-Type text\/html/),
  },
  { name: 'an HTML page as text/plain', answer: says('<html></html>'), expected: invalid(/line 1/) },
  {
    name: 'another type',
    answer: says(good, { type: 'application/octet-stream' }),
    expected: fetchError(/Content-Type application/),
  },
  {
    name: 'a type that begins alike',
    answer: says(good, { type: 'text/plainish' }),
    expected: fetchError(/Content-Type text\/plainish/),
  },
  {
    name: 'a type with escape sequences',
    answer: says(good, { type: 'text/\x80\x9b31m' }),
    expected: fetchError(/Content-Type text\/\\u\{80\}/),
  },
  { name: 'no type', answer: says(good, { type: '' }), expected: fetchError(/no Content-Type/) },
  {
    name: '64 KB exactly',
    answer: says(
      `${good}${'x: y\r\n'.repeat(10_906)}x: y${' '.repeat(65_536 - good.length - 6 * 10_906 - 4)}`,
    ),
    expected: 'fetched',
  },
  { name: '65 KB', answer: says(good.padEnd(66_560, ' ')), expected: fetchError(/longer than 65536/) },
  {
    name: '64 KB and one byte, chunked',
    answer: (socket) =>
      socket.end(`${head('Transfer-Encoding: chunked')}10001\r\n${good.padEnd(65_537, ' ')}\r\n0\r\n\r\n`),
    expected: fetchError(/longer than 65536/),
  },
  {
    name: 'endless body',
    answer: forever(
      head('Transfer-Encoding: chunked'),
      Buffer.from(`4000\r\n${'a: b\n'.padEnd(16_384)}\r\n`),
    ),
    expected: fetchError(/longer than 65536/),
  },
  {
    name: 'endless headers',
    answer: forever('HTTP/1.1 200 OK\r\n', Buffer.from('X-More: yes\r\n'.repeat(1000))),
    expected: fetchError(/Header/i),
  },
  {
    name: 'a length that is a lie',
    answer: (socket) => socket.end(`${head('Content-Length: 5000')}${good}`),
    expected: fetchError(/aborted|closed/),
  },
  {
    name: 'a chunk cut off',
    answer: (socket) => socket.end(`${head('Transfer-Encoding: chunked')}ff\r\n${good}`),
    expected: fetchError(/aborted|closed/),
  },
  {
    name: 'slow drip of a body',
    answer: drip(head('Content-Length: 6000')),
    expected: fetchError(/in time/),
  },
  {
    name: 'slow drip of headers',
    answer: drip('HTTP/1.1 200 OK\r\nX-Long: '),
    expected: fetchError(/in time/),
  },
  {
    name: 'stall after headers',
    answer: (socket) => socket.write(head('Content-Length: 90')),
    expected: fetchError(/in time/),
  },
  { name: 'stall before any answer', answer: () => undefined, expected: fetchError(/in time/) },
  {
    name: 'closes without an answer',
    answer: (socket) => socket.end(),
    expected: fetchError(/hang up|closed/),
  },
  {
    name: 'not HTTP',
    answer: (socket) => socket.end(`220 mail.example ESMTP\r\n${good}`),
    expected: fetchError(/Parse Error/),
  },
  {
    name: '100 then 200',
    answer: (socket) =>
      socket.end(Buffer.concat([Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'), response(good)])),
    expected: 'fetched',
  },
  {
    name: '103 twice then 200',
    answer: (socket) =>
      socket.end(
        Buffer.concat([Buffer.from('HTTP/1.1 103 Early\r\nLink: x\r\n\r\n'.repeat(2)), response(good)]),
      ),
    expected: 'fetched',
  },
  {
    name: 'endless 1xx',
    answer: forever('', Buffer.from('HTTP/1.1 103 Early\r\n\r\n'.repeat(20))),
    expected: fetchError(/interim/),
  },
  {
    name: '101',
    answer: (socket) => socket.end('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    expected: fetchError(/HTTP status 101/),
  },
  {
    name: 'gzip, not asked for',
    answer: says(gzipSync(good), { headers: ['Content-Encoding: gzip'] }),
    expected: fetchError(/Content-Encoding gzip/),
  },
  {
    name: 'gzip bomb',
    answer: says(gzipSync(Buffer.alloc(50_000_000)), { headers: ['Content-Encoding: gzip'] }),
    expected: fetchError(/Content-Encoding gzip/),
  },
  { name: 'gzip without saying so', answer: says(gzipSync(good)), expected: invalid(/not UTF-8/) },
  {
    name: 'bad UTF-8',
    answer: says(Buffer.concat([Buffer.from(`${good}a: `), Buffer.from([0xc3, 0x28])])),
    expected: invalid(/not UTF-8/),
  },
  { name: 'byte order mark', answer: says(`\ufeff${good}`), expected: invalid(/line 1/) },
  { name: 'NUL', answer: says(`${good}a: \0`), expected: invalid(/line 5 "a: \\u\{0\}"/) },
  { name: 'empty body', answer: says(''), expected: invalid(/line 1/) },
  { name: 'duplicate keys', answer: says(`${good}mode: none\r\nmax_age: 1\r\n`), expected: 'fetched' },
  { name: 'huge max_age', answer: says(policyText({ maxAge: 9_999_999_999 })), expected: 'fetched' },
  {
    name: 'max_age of 11 digits',
    answer: says(policyText({ maxAge: 99_999_999_999 })),
    expected: invalid(/1 to 10 digits/),
  },
  {
    name: 'self-signed',
    answer: whole,
    certificate: ({ host }) => selfSigned({ dnsNames: [host] }),
    expected: distrusted(/self.signed/),
  },
  {
    name: 'another CA',
    answer: whole,
    certificate: async ({ host }) => issue(await createCa({ commonName: 'Other' }), { dnsNames: [host] }),
    expected: distrusted(/unable to verify/),
  },
  {
    name: 'expired',
    answer: whole,
    certificate: ({ hosts, host }) =>
      hosts.issue({
        dnsNames: [host],
        notBefore: new Date(Date.now() - 9 * day),
        notAfter: new Date(Date.now() - day),
      }),
    expected: distrusted(/expired/),
  },
  {
    name: 'not yet valid',
    answer: whole,
    certificate: ({ hosts, host }) =>
      hosts.issue({ dnsNames: [host], notBefore: new Date(Date.now() + day) }),
    expected: distrusted(/not yet valid/),
  },
  {
    name: 'wrong name',
    answer: whole,
    certificate: ({ hosts }) => hosts.issue({ dnsNames: ['mta-sts.other.example'] }),
    expected: distrusted(/mta-sts.other.example, not for/),
  },
  {
    name: 'the domain, not its policy host',
    answer: whole,
    certificate: ({ hosts, host }) => hosts.issue({ dnsNames: [host.slice(8)] }),
    expected: distrusted(/not for/),
  },
  {
    name: 'common name only',
    answer: whole,
    certificate: ({ hosts, host }) => hosts.issue({ commonName: host }),
    expected: distrusted(/no names, not for/),
  },
  {
    name: 'common name beside another SAN',
    answer: whole,
    certificate: ({ hosts, host }) => hosts.issue({ commonName: host, dnsNames: ['other.example'] }),
    expected: distrusted(/not for/),
  },
  {
    name: 'partial wildcard',
    answer: whole,
    certificate: ({ hosts, host }) => hosts.issue({ dnsNames: [host.replace('mta-sts', 'mta-*')] }),
    expected: distrusted(/not for/),
  },
  {
    name: 'a wildcard, of a CA that excludes the policy host',
    answer: whole,
    certificate: async ({ hosts, host }) => {
      const nameConstraints = { excluded: [{ dns: host }] };
      const ca = await intermediate(hosts.ca, { commonName: 'Constrained', nameConstraints });
      const leaf = await issue(ca, { dnsNames: [host.replace('mta-sts', '*')] });
      return { ...leaf, certPem: leaf.certPem + ca.certPem };
    },
    expected: distrusted(/does not permit it to stand for mta-sts\./),
  },
  {
    name: 'a wildcard, of a CA that excludes another name below it',
    answer: whole,
    certificate: async ({ hosts, host }) => {
      const nameConstraints = { excluded: [{ dns: host.replace('mta-sts', 'www') }] };
      const ca = await intermediate(hosts.ca, { commonName: 'Constrained', nameConstraints });
      const leaf = await issue(ca, { dnsNames: [host.replace('mta-sts', '*')] });
      return { ...leaf, certPem: leaf.certPem + ca.certPem };
    },
    expected: 'fetched',
  },
  {
    name: 'wildcard of two labels',
    answer: whole,
    certificate: ({ hosts }) => hosts.issue({ dnsNames: ['*.example'] }),
    expected: distrusted(/not for/),
  },
  {
    name: 'wildcard',
    answer: whole,
    certificate: ({ hosts, host }) => hosts.issue({ dnsNames: [host.replace('mta-sts', '*')] }),
    expected: 'fetched',
  },
  {
    name: 'a name with line breaks in it',
    answer: whole,
    certificate: ({ hosts }) => hosts.issue({ dnsNames: ['evil\r\n\u001b[31m.example'] }),
    expected: distrusted(/not for/),
  },
  {
    name: 'a certificate for clients',
    answer: whole,
    certificate: ({ hosts, host }) => hosts.issue({ dnsNames: [host], purposes: ['clientAuth'] }),
    expected: distrusted(/purpose/),
  },
  {
    name: 'TLS 1.0 only',
    answer: whole,
    tls: { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
    expected: fetchError(/protocol/),
  },
  {
    name: 'TLS 1.1 only',
    answer: whole,
    tls: { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    expected: fetchError(/protocol/),
  },
  { name: 'TLS 1.2 only', answer: whole, tls: { maxVersion: 'TLSv1.2' }, expected: 'fetched' },
  { name: 'TLS 1.3 only', answer: whole, tls: { minVersion: 'TLSv1.3' }, expected: 'fetched' },
  {
    name: 'HTTP without TLS',
    build: ({ hosts, address }) => hosts.addPlain(address, (socket) => socket.end(response(good))),
    expected: fetchError(/wrong version|packet length/),
  },
  {
    name: 'closes in the handshake',
    build: ({ hosts, address }) =>
      hosts.addPlain(address, (socket) => socket.once('data', () => socket.end())),
    expected: fetchError(/disconnected|closed/),
  },
  {
    name: 'stalls in the handshake',
    build: ({ hosts, address }) => hosts.addPlain(address, () => undefined),
    expected: fetchError(/no TLS connection in time/),
  },
  { name: 'refuses the connection', build: () => Promise.resolve(), expected: fetchError(/ECONNREFUSED/) },
  {
    name: 'IPv6 only',
    build: (setting) => {
      setting.hosts.dns.zones.a.delete(setting.host);
      setting.hosts.dns.zones.aaaa.set(setting.host, ['::1']);
      return goodHost(setting, '::1');
    },
    expected: 'fetched',
  },
  {
    name: 'first address refuses',
    build: (setting) => {
      both(setting);
      return goodHost(setting, setting.second);
    },
    expected: 'fetched',
  },
  {
    name: 'first address stalls',
    build: async (setting) => {
      both(setting);
      await setting.hosts.addPlain(setting.address, () => undefined);
      await goodHost(setting, setting.second);
    },
    expected: 'fetched',
  },
  {
    name: 'first address with a wrong certificate',
    build: async (setting) => {
      both(setting);
      await setting.hosts.addTls({
        address: setting.address,
        certificate: await selfSigned({ dnsNames: [setting.host] }),
        answer: whole,
      });
      await goodHost(setting, setting.second);
    },
    expected: 'fetched',
  },
  {
    name: 'IPv6 dead, IPv4 alive',
    build: (setting) => {
      setting.hosts.dns.zones.aaaa.set(setting.host, ['::1:1']);
      return goodHost(setting, setting.address);
    },
    expected: 'fetched',
  },
  {
    name: 'no address',
    build: ({ hosts, host }) => Promise.resolve(hosts.dns.zones.a.delete(host)),
    expected: fetchError(/has no address/),
  },
  {
    name: 'a lookup that fails',
    build: ({ hosts, host }) => Promise.resolve(hosts.dns.zones.a.set(host, 'servfail')),
    expected: fetchError(/servfail/),
  },
  {
    name: 'a lookup without an answer',
    build: ({ hosts, host }) => Promise.resolve(hosts.dns.zones.a.set(host, 'silent')),
    expected: fetchError(/took too long|cancelled/),
  },
  {
    name: 'one family without an answer',
    build: (setting) => {
      setting.hosts.dns.zones.aaaa.set(setting.host, 'silent');
      return goodHost(setting, setting.address);
    },
    expected: 'fetched',
  },
  {
    name: 'a private address',
    build: ({ hosts, host }) => Promise.resolve(hosts.dns.zones.a.set(host, ['10.0.0.1'])),
    publicOnly: true,
    expected: fetchError(/10\.0\.0\.1: a special-purpose address/),
  },
  {
    name: 'a loopback address',
    build: (setting) => goodHost(setting, setting.address),
    publicOnly: true,
    expected: fetchError(/special-purpose address/),
  },
];

function both({ hosts, host, address, second }: Setting): void {
  hosts.dns.zones.a.set(host, [address, second]);
}

async function goodHost({ hosts, host }: Setting, address: string): Promise<unknown> {
  return hosts.addTls({ address, certificate: await hosts.issue({ dnsNames: [host] }), answer: whole });
}

export const limitMs = 5_000;

export interface Seen {
  readonly behaviour: Behaviour;
  readonly fetched: Fetched;
  readonly ms: number;
}

/** Asks the host of every behaviour, all at a time. */
export async function tryBehaviours(): Promise<Seen[]> {
  const hosts = await Hosts.create();
  try {
    const domains = await Promise.all(
      behaviours.map((behaviour, index) => buildBehaviour(hosts, behaviour, index)),
    );
    const options = { timeoutMs: limitMs, maxInFlight: 1000, maxPerAddress: 1000 };
    const fetcher = (allowPrivate: boolean) =>
      new PolicyFetcher({ resolver: hosts.dns, options: { ...options, allowPrivate }, open: hosts.open });
    const [trusting, careful] = [fetcher(true), fetcher(false)];
    return await Promise.all(
      behaviours.map(async (behaviour, index) => {
        const start = performance.now();
        const asked = behaviour.publicOnly === true ? careful : trusting;
        const fetched = await asked.fetch(domains[index]!, {
          extraRoots: hosts.ca.certPem,
          signal: new AbortController().signal,
        });
        return { behaviour, fetched, ms: performance.now() - start };
      }),
    );
  } finally {
    await hosts.close();
  }
}

async function buildBehaviour(hosts: Hosts, behaviour: Behaviour, index: number): Promise<string> {
  const domain = `m${index}.example`;
  const host = `mta-sts.${domain}`;
  const setting = { hosts, host, address: `127.20.0.${index + 1}`, second: `127.20.1.${index + 1}` };
  hosts.dns.zones.a.set(host, [setting.address]);
  if (behaviour.build !== undefined) await behaviour.build(setting);
  else {
    const certificate = await (behaviour.certificate?.(setting) ?? hosts.issue({ dnsNames: [host] }));
    const more = behaviour.tls === undefined ? {} : { tls: behaviour.tls };
    await hosts.addTls({ address: setting.address, certificate, answer: behaviour.answer ?? whole, ...more });
  }
  return domain;
}
