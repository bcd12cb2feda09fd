/** What an operator does with an install that runs: sessions, a policy map, what happened, a policy of one's own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { RecordType } from '../../../haraka-test-harness/world';
import { caFile } from './machine';
import { command, iniFile, iniPart, pluginLine } from './pages';
import { mustNotSay, mustSay, workers, type Walk } from './walk';

export async function sessions(walk: Walk): Promise<void> {
  const page = 'docs/sessions.md';
  const loop = command(page, 'for n in');
  const messages = 8;
  const befores = async (): Promise<number[]> => {
    const from = walk.service.mark;
    await walk.type(loop);
    const lines = await walk.service.waitFor(/tls-peers delivered /, { from, count: messages });
    return lines.map((line) => Number(/messages_before=(\d+)/.exec(line)?.[1]));
  };
  const on = await befores();
  if (Math.max(...on) < 1) throw new Error(`no session carried more than one message: ${on.join()}`);
  await walk.reloaded(/\[delivery\]: reuse_connections: true -> false/, () =>
    walk.edit('tls-peers.ini', iniFile(page, 'tls-peers.ini', 'reuse_connections'), 'added'),
  );
  const off = await befores();
  if (off.some((before) => before !== 0)) throw new Error(`sessions went on: ${off.join()}`);
}

/** A map as Postfix has it, with what cannot be carried over. */
const policyMap = `# our partners
named.example        secure match=nexthop:dot-nexthop:.named.example
.bank.example        encrypt protocols=>=TLSv1.2
encrypted.example    encrypt ciphers=high
only-dane.example    dane-only
[relay.example]:587  encrypt
`;

export async function policyMapOf(walk: Walk): Promise<void> {
  const page = 'docs/command.md';
  mkdirSync('/etc/postfix', { recursive: true });
  writeFileSync('/etc/postfix/tls_policy', policyMap);
  // 1: mail to what is left out may be less protected than it was.
  mustSay(
    await walk.type(command(page, 'npx --no -- tls-peers import --global /etc'), { code: 1 }),
    /no section .*\[relay\.example\]:587/,
  );
  await walk.reloaded(/tls-peers\.ini \[outbound only-dane\.example\]: added/, async () => {
    mustSay(
      await walk.type(command(page, 'npx --no -- tls-peers import --global --write'), { code: 1 }),
      /^written$/m,
    );
  });
  await walk.type(command(page, 'npx --no -- tls-peers export --global'));
  await walk.reloaded(/example\.org \[outbound only-dane\.example\]: added/, async () => {
    await walk.type(command(page, 'npx --no -- tls-peers import --create'));
  });
  mustSay(await walk.type(command('README.md', 'npx --no -- tls-peers lint')), /^0 faults/m);
}

export async function whatHappened(walk: Walk): Promise<void> {
  const page = 'docs/evidence.md';
  mustSay(await walk.type(command(page, 'npx --no -- tls-peers traffic')), /example\.com +partner\.example/);
  mustSay(await walk.type(command(page, 'npx --no -- tls-peers traffic --days 30')), /partner\.example/);
  const changed = command(page, 'npx --no -- tls-peers impact --managed example.com');
  mustSay(await walk.type(changed, { code: 1 }), /refused .*certificate-not-trusted/);
}

const certificates = '/srv/haraka/config/tls';

/** A policy of our own: from nothing to senders that can fetch it. */
export async function hostAPolicy(walk: Walk): Promise<void> {
  const page = 'docs/hosting.md';
  const certificate = await walk.world.office.certificate('mta-sts.example.com', 'trusted');
  mkdirSync(certificates, { recursive: true });
  const file = `${certificates}/mta-sts.example.com.pem`;
  writeFileSync(file, `${certificate.keyPem}\n${certificate.chainPem}`);
  await walk.type(`chown haraka ${file} && chmod 600 ${file}`);
  walk.edit('tls-peers.ini', iniFile(page, 'tls-peers.ini', '203.0.113.5:443'), 'added');
  walk.edit('tls-peers/example.com.ini', iniFile(page, 'tls-peers/example.com.ini', '[mta_sts]'), 'added');
  publish(walk, await walk.type(command(page, 'npx --no -- tls-peers records example.com'), { code: 1 }));
  const from = walk.service.mark;
  await walk.service.stop();
  walk.service.start('haraka -c /srv/haraka');
  await walk.service.waitFor(/checked 1 MTA-STS polic/, { from });
  await walk.service.waitFor(/worker \d+ listening on/, { from, count: workers });
  await walk.service.waitFor(/validates DNSSEC/, { from });
  mustNotSay(walk.service.lines.slice(from).join('\n'), /MTA-STS policy of example\.com: /);
  const served = await walk.type(
    `curl -sS --cacert ${caFile} https://mta-sts.example.com/.well-known/mta-sts.txt`,
  );
  mustSay(served, /mode: testing\r?\nmx: mx1\.example\.com\r?\nmx: mx2\.example\.com/);
}

/** A client from a network that has a rule: without TLS it is refused, with TLS it is not. */
export async function holdClients(walk: Walk): Promise<void> {
  walk.edit('tls-peers/example.com.ini', iniPart('README.md', '[inbound 203.0.113.0/24]'), 'added');
  // Haraka's own: whom it takes mail for, its certificate, and its tls plugin, which the page names.
  const certificate = await walk.world.office.certificate('mail.example.com', 'trusted');
  walk.edit('tls_key.pem', certificate.keyPem, 'as it is');
  walk.edit('tls_cert.pem', certificate.chainPem, 'as it is');
  // As the table of docs/production.md has keys.
  await walk.type('chown haraka config/tls_key.pem && chmod 600 config/tls_key.pem');
  walk.edit('host_list', 'example.com', 'as it is');
  mustSay(await walk.type(command('README.md', 'npx --no -- tls-peers lint')), /tls is not listed/);
  walk.edit('plugins', `${pluginLine('docs/inbound.md', 'tls')}\n${walk.read('plugins')}`, 'as it is');
  mustSay(await walk.type(command('README.md', 'npx --no -- tls-peers lint')), /^0 faults, 0 warnings/m);
  const from = walk.service.mark;
  await walk.service.stop();
  walk.service.start('haraka -c /srv/haraka');
  await walk.service.waitFor(/worker \d+ listening on/, { from, count: workers });
  await walk.service.waitFor(/validates DNSSEC/, { from });
  const client = `printf 'Subject: hello\\r\\n\\r\\nHello.\\r\\n' | curl -sS smtp://127.0.0.1 --interface 203.0.113.5 --mail-from you@peer.example --mail-rcpt me@example.com -T -`;
  mustSay(await walk.type(`${client} || true`), /530/);
  await walk.service.waitFor(/inbound refused .*reason=starttls-not-supported/, { from });
  await walk.type(`${client} --ssl-reqd --insecure || true`);
  await walk.service.waitFor(/inbound admitted .*tls=TLSv1\.3/, { from });
}

/** Puts what `records` prints into the zone. */
function publish(walk: Walk, zone: string): void {
  const lines = [...zone.matchAll(/^(\S+)\. \d+ IN (A|AAAA|TXT) "?([^"\s]+(?: [^"]*?)?)"?(?: ;.*)?$/gm)];
  const kinds = new Set<string>();
  for (const [, name = '', type = '', data = ''] of lines) {
    kinds.add(type);
    const record =
      type === 'TXT'
        ? ({ type, text: data } as const)
        : ({ type: type as 'A' | 'AAAA', address: data } as const);
    walk.world.dns.set({ name, type: type as RecordType, records: [record] });
  }
  if (!['A', 'AAAA', 'TXT'].every((kind) => kinds.has(kind)))
    throw new Error(`records lacks some of A, AAAA, TXT:\n${zone}`);
}
