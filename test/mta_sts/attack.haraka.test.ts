/** What an attacker at the network gets, through a real Haraka, of mail to a domain whose policy is known. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  startLab,
  type DnsRecord,
  type DomainSpec,
  type Lab,
  type Outcome,
  type RecordType,
} from '../../haraka-test-harness';

const evil = 'mx.attacker.example';
const enforced: DomainSpec = { sts: {} };
const names = [
  'suppressed',
  'other-mx',
  'self-signed',
  'no-starttls',
  'forged-policy',
  'forged-none',
  'auto-tlsa',
  'restart',
  'id-change',
  'expiry',
  'first-contact',
  'control',
] as const;
type Name = (typeof names)[number];

const domainOf = (name: Name) => `${name}.example`;
const lineOf = (name: Name) => `[outbound ${domainOf(name)}]\nsecurity_level = mta_sts\n`;

describe('an attacker at the network', () => {
  let lab: Lab;

  beforeAll(async () => {
    const domains: Record<string, DomainSpec> = Object.fromEntries(
      names.map((name) => [domainOf(name), enforced]),
    );
    domains[domainOf('expiry')] = { sts: { policy: { mode: 'enforce', maxAge: 3 } } };
    domains[domainOf('id-change')] = {
      mx: [{ host: 'mx1.id-change.example' }],
      sts: { policy: { mode: 'enforce' } },
    };
    lab = await startLab(
      {
        domains,
        // Signed, with TLSA records that match: all that DANE asks for.
        hosts: { [evil]: { dnssec: 'secure', certificate: 'self-signed', tlsa: ['match'] } },
        zones: { 'attacker.example': 'secure' },
      },
      {
        resolver: { timeout: '1', deadline: '2' },
        config: {
          'tls-peers.ini': '[outbound]\nsecurity_level = auto\n',
          'tls-peers/sts.example.ini': `[outbound]\nsecurity_level = mta_sts\n${names.map(lineOf).join('')}`,
        },
      },
    );
    // Nothing is cached in DNS, so that each message meets the network as it is at that moment.
    for (const name of names) {
      const host = name === 'id-change' ? 'mx1.id-change.example' : `mx.${domainOf(name)}`;
      publish(domainOf(name), 'MX', { type: 'MX', preference: 10, exchange: host });
      publish(`_mta-sts.${domainOf(name)}`, 'TXT', { type: 'TXT', text: 'v=STSv1; id=1;' });
    }
  });
  afterAll(() => lab.stop());

  function publish(name: string, type: RecordType, record: DnsRecord): void {
    lab.dns.set({ name, type, records: [record], ttl: 0 });
  }

  function deliver(name: Name, from = 'me@sts.example'): Promise<Outcome> {
    return lab.deliver({ from, to: `you@${domainOf(name)}` });
  }

  /** The first message, in peace. */
  async function meet(name: Name, from?: string): Promise<void> {
    const outcome = await deliver(name, from);
    expect([outcome.status, outcome.summary?.verified]).toEqual(['delivered', 'pkix']);
  }

  async function suppress(name: Name): Promise<void> {
    lab.dns.fate(`_mta-sts.${domainOf(name)}`, 'TXT', 'timeout');
    await lab.setRoute(domainOf(name), 443, 'silent');
  }

  const bodies = (host: string) => lab.peer(host).messages.length;
  const redirect = (name: Name) =>
    publish(domainOf(name), 'MX', { type: 'MX', preference: 1, exchange: evil });

  async function expectDeferred(name: Name, reason: string, from?: string): Promise<void> {
    const outcome = await deliver(name, from);
    expect(outcome.status).toBe('deferred');
    expect(outcome.error).toContain(reason);
    expect(lab.peer(evil).connections).toHaveLength(0);
  }

  it('does not keep mail from the true host by suppressing record and policy', async () => {
    await meet('suppressed');
    await suppress('suppressed');
    await meet('suppressed');
  });

  it('gets nothing by naming another MX, not even a connection', async () => {
    await meet('other-mx');
    await suppress('other-mx');
    redirect('other-mx');
    await expectDeferred('other-mx', 'mx-not-in-policy');
  });

  it('gets nothing by standing in for the MX host with a certificate of its own', async () => {
    await meet('self-signed');
    await suppress('self-signed');
    lab
      .peer('mx.self-signed.example')
      .setCertificate(await lab.office.certificate('mx.self-signed.example', 'self-signed'));
    await expectDeferred('self-signed', 'certificate-not-trusted');
    expect(bodies('mx.self-signed.example')).toBe(1);
  });

  it('gets nothing by taking STARTTLS away', async () => {
    await meet('no-starttls');
    await suppress('no-starttls');
    lab.peer('mx.no-starttls.example').setBehaviour('no-starttls');
    await expectDeferred('no-starttls', 'starttls-not-supported');
    expect(bodies('mx.no-starttls.example')).toBe(1);
  });

  it('does not replace the policy by one from a host that cannot prove its name', async () => {
    await meet('forged-policy');
    publish('_mta-sts.forged-policy.example', 'TXT', { type: 'TXT', text: 'v=STSv1; id=2;' });
    const host = lab.policyHost('forged-policy.example');
    host.setCertificate(await lab.office.certificate('mta-sts.forged-policy.example', 'untrusted'));
    host.setBody('version: STSv1\nmode: none\nmax_age: 1\n');
    redirect('forged-policy');
    await expectDeferred('forged-policy', 'mx-not-in-policy');
  });

  it('does not take the policy back by making the record disappear', async () => {
    await meet('forged-none');
    lab.dns.remove('_mta-sts.forged-none.example', 'TXT');
    redirect('forged-none');
    await expectDeferred('forged-none', 'mx-not-in-policy');
  });

  it('gets nothing under auto by an unsigned MX that points to a signed host with valid TLSA records', async () => {
    await meet('auto-tlsa', 'me@auto.example');
    await suppress('auto-tlsa');
    redirect('auto-tlsa');
    await expectDeferred('auto-tlsa', 'mx-not-in-policy', 'me@auto.example');
  });

  it('gets nothing after Haraka was killed and started again', async () => {
    await meet('restart');
    await suppress('restart');
    redirect('restart');
    await lab.haraka.restart('SIGKILL');
    await expectDeferred('restart', 'mx-not-in-policy');
  });

  it('gets the first message where it suppresses the policy before that was ever seen', async () => {
    await suppress('first-contact');
    const outcome = await deliver('first-contact');
    expect([outcome.status, outcome.summary?.verified]).toEqual(['delivered', 'unauthenticated']);
  });

  it('is not mistaken for the owner, who changes the policy under a new id once its host works', async () => {
    await meet('id-change');
    const host = lab.policyHost('id-change.example');
    publish('id-change.example', 'MX', { type: 'MX', preference: 1, exchange: 'mx.suppressed.example' });
    publish('_mta-sts.id-change.example', 'TXT', { type: 'TXT', text: 'v=STSv1; id=2;' });
    host.setBehaviour('server-error');
    host.setBody('version: STSv1\nmode: enforce\nmx: mx.suppressed.example\nmax_age: 86400\n');
    await expectDeferred('id-change', 'mx-not-in-policy');
    host.setBehaviour('serve');
    publish('_mta-sts.id-change.example', 'TXT', { type: 'TXT', text: 'v=STSv1; id=3;' });
    await meet('id-change');
  });

  it('has to wait until max_age has passed', async () => {
    await meet('expiry');
    lab.dns.remove('_mta-sts.expiry.example', 'TXT');
    lab
      .peer('mx.expiry.example')
      .setCertificate(await lab.office.certificate('mx.expiry.example', 'self-signed'));
    await expectDeferred('expiry', 'certificate-not-trusted');
    await expect
      .poll(async () => (await deliver('expiry')).summary?.verified, { timeout: 15_000, interval: 500 })
      .toBe('unauthenticated');
  });

  // Last, because it is the only one after which the attacker has anything: so the attacks above would have worked.
  it('gets the mail, under auto, of a domain whose policy was never seen', async () => {
    await suppress('control');
    redirect('control');
    const outcome = await deliver('control', 'me@auto.example');
    expect([outcome.status, outcome.delivery, outcome.summary?.verified]).toMatchObject([
      'delivered',
      { host: evil },
      'dane 3 1 1',
    ]);
  });
});
