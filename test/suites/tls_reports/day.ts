/** A day of all kinds of sessions; on the next one, every report is held against what the peers saw. */
import { isDeepStrictEqual } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { dkimVerify } from 'mailauth/lib/dkim/verify';
import PostalMime from 'postal-mime';
import { startLab, type Lab, type PeerMessage } from '../../../haraka-test-harness';
import type { RawRecordSet } from '../../../haraka-test-harness/world';
import type { Report } from '../../../src/tlsrpt/document';
import { aheadTo, clock, moveClock } from '../../reports/support/clock';
import { dkimConfig, signingKey, txtResolver } from '../../reports/support/dkim';
import { readReport } from '../../../src/tlsrpt/received';
import { kinds, senders, type Expected } from './kinds';

const messages = 2;
const signing = signingKey();

export interface DayOptions {
  /** The directory of another Haraka than the usual one. */
  readonly haraka?: string;
  /** 0 is one process. */
  readonly workers: number;
}

export async function compareDay(
  print: (line: string) => void,
  { haraka, workers }: DayOptions,
): Promise<boolean> {
  const records: RawRecordSet[] = Object.keys(kinds).map((word) => ({
    name: `_smtp._tls.${word}.example`,
    type: 'TXT',
    records: [{ type: 'TXT', text: `v=TLSRPTv1; rua=mailto:${word}@desk.example` }],
  }));
  const domains = Object.fromEntries(
    Object.entries(kinds).map(([word, { spec }]) => [`${word}.example`, spec]),
  );
  const lab = await startLab(
    { domains: { ...domains, 'desk.example': {} }, records },
    {
      ...(haraka === undefined ? {} : { haraka }),
      workers,
      plugins: ['clock', 'tls-peers'],
      ownPlugins: { clock },
      retryIntervals: '9d*12',
      config: {
        ...dkimConfig('ours.example', signing),
        'tls-peers.ini':
          '[tls_reports]\norganization = Ours\ncontact = me@ours.example\nfrom = tls@ours.example\nmax_delay = 0\n' +
          '[timeouts]\ntls_handshake = 5\nehlo = 5\n',
        ...Object.fromEntries(
          Object.entries(senders).map(([domain, text]) => [
            `tls-peers/${domain}.ini`,
            `[outbound]\n${text}\n`,
          ]),
        ),
      },
    },
  );
  try {
    return await run(lab, print, Math.max(1, workers));
  } finally {
    await lab.stop();
  }
}

async function run(lab: Lab, print: (line: string) => void, processes: number): Promise<boolean> {
  for (let nth = 0; nth < messages; nth++)
    await Promise.all(
      Object.entries(kinds).map(([word, { from }]) =>
        lab.deliver({ from: `me@${from}`, to: `you@${word}.example` }, { timeoutMs: 120_000 }),
      ),
    );
  print(`${Object.keys(kinds).length} kinds of sessions, ${messages} messages each`);
  // What was counted is written every five seconds.
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  const expected = Object.keys(kinds).map((word) => [word, expectedOf(lab, word)] as const);
  await moveClock(lab, aheadTo(1, '00:30'), processes);
  const wanted = expected.filter(([, rows]) => rows.length > 0).length;
  const desk = lab.peer('mx.desk.example');
  // What is missing then is said by domain.
  await desk.until((peer) => peer.messages.length >= wanted, 180_000).catch(() => undefined);
  print(`${desk.messages.length} reports came; ${wanted} are to come`);
  const found = new Map<string, string[]>();
  for (const message of desk.messages) {
    const [domain, rows] = await readMail(message);
    if (found.has(domain)) throw new Error(`a second report about ${domain}`);
    found.set(domain, rows);
  }
  let isRight = true;
  for (const [word, rows] of expected) {
    const is = found.get(`${word}.example`) ?? [];
    if (isDeepStrictEqual(is, rows)) continue;
    isRight = false;
    print(`WRONG ${word}: is ${JSON.stringify(is)}, should be ${JSON.stringify(rows)}`);
  }
  if (isRight)
    print('every count equals what the peers saw; each message passes DKIM; no report is about the desk');
  return isRight && !found.has('desk.example');
}

/** `type domain result count`, sorted. */
function expectedOf(lab: Lab, word: string): string[] {
  const { expected } = kinds[word] ?? { expected: [] };
  return expected
    .map((one) => [one, countOf(lab, word, one)] as const)
    .filter(([, count]) => count > 0)
    .map(([{ type, of, result }, count]) => `${type} ${of ?? `${word}.example`} ${result} ${count}`)
    .sort();
}

function countOf(lab: Lab, word: string, { count, at }: Expected): number {
  if (count === 'messages') return messages;
  const { connections } = lab.peer(at ?? `mx.${word}.example`);
  const tried = connections.filter(({ cleartext }) => /^STARTTLS\r$/m.test(cleartext));
  if (count === 'tried') return tried.length;
  return connections.filter((one) => !tried.includes(one) && one.cleartext.includes('EHLO')).length;
}

/** By a reader of others: mailauth for the signature, postal-mime for the parts; and ours, which is to agree. */
async function readMail({ data }: PeerMessage): Promise<[domain: string, rows: string[]]> {
  const raw = Buffer.from(data, 'latin1');
  const resolver = txtResolver({ 'sel._domainkey.ours.example': signing.record });
  const { results } = await dkimVerify(raw, { resolver });
  if (results[0]?.status.result !== 'pass') throw new Error(`DKIM: ${JSON.stringify(results[0]?.status)}`);
  const covered = results[0].signingHeaders?.keys ?? '';
  for (const name of ['TLS-Report-Domain', 'TLS-Report-Submitter', 'From'])
    if (!covered.toLowerCase().includes(name.toLowerCase())) throw new Error(`${name} is not signed`);
  const mail = await PostalMime.parse(raw);
  const header = (key: string) => mail.headers.find((one) => one.key === key)?.value ?? '';
  const domain = header('tls-report-domain');
  if (!/^multipart\/report; report-type="?tlsrpt"?/.test(header('content-type')))
    throw new Error('no report');
  if (header('tls-required') !== 'No') throw new Error('TLS-Required is missing');
  const [part] = mail.attachments;
  if (part?.mimeType !== 'application/tlsrpt+gzip') throw new Error(`a part of type ${part?.mimeType}`);
  if (
    !new RegExp(`^ours\\.example!${domain.replaceAll('.', '\\.')}!\\d+!\\d+!\\w+\\.json\\.gz$`).test(
      part.filename ?? '',
    )
  )
    throw new Error(`the file is called ${part.filename}`);
  const text = gunzipSync(Buffer.from(part.content as ArrayBuffer)).toString();
  if (readReport(text).kind !== 'report') throw new Error('our own reader does not read it');
  return [domain, rowsOf(JSON.parse(text) as Report)];
}

function rowsOf({ policies }: Report): string[] {
  return policies
    .flatMap(({ policy, summary, 'failure-details': details = [] }) => {
      const head = `${policy['policy-type']} ${policy['policy-domain']}`;
      const { 'total-successful-session-count': good, 'total-failure-session-count': bad } = summary;
      const sums = new Map<string, number>();
      for (const one of details) {
        const code = one['failure-reason-code'];
        const name = `${one['result-type']}${code === undefined ? '' : `/${code}`}`;
        sums.set(name, (sums.get(name) ?? 0) + one['failed-session-count']);
      }
      const told = [...sums.values()].reduce((sum, count) => sum + count, 0);
      if (told !== bad) throw new Error(`${head}: ${bad} failed, ${told} are described`);
      return [
        ...(good > 0 ? [`${head} success ${good}`] : []),
        ...[...sums].map(([name, count]) => `${head} ${name} ${count}`),
      ];
    })
    .sort();
}
