/** Surroundings that work against the guard: other plugins, and faults of our own. No message may leave unprotected. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startLab, type Lab, type LabOptions } from '../../../haraka-test-harness/lab';
import type { World } from '../../../haraka-test-harness/world';
import { buildWith, type Bundle } from '../../support/bundle';

const world: World = {
  domains: {
    'bare.example': { mx: [{ behaviour: 'no-starttls' }] },
    'sound.example': {},
    'may.example': { mx: [{ behaviour: 'no-starttls' }] },
    'may-tls.example': {},
  },
};

const rules = `[outbound]
security_level = mandatory
[outbound may.example]
security_level = opportunistic
[outbound may-tls.example]
security_level = opportunistic
`;

const config = { 'tls-peers/ours.example.ini': rules };

/** Answers OK at every denial: what karma does with hooks that it scores by itself. */
const overruling = `exports.hook_deny = (next) => next(OK);`;

/** Ends the send_email chain as early as Haraka lets it. */
const early = `
exports.register = function () { this.register_hook('send_email', 'early', -100); };
exports.early = (next) => next(OK);`;

const beforeTls = /^(?:(?:EHLO|LHLO) [^\r\n]*\r\n|STARTTLS\r\n|QUIT\r\n)*$/;

let lab: Lab | undefined;
let cleanUp: (() => Promise<void>) | undefined;

async function start(options: LabOptions): Promise<Lab> {
  lab = await startLab(world, { config, ...options });
  return lab;
}

afterEach(async () => {
  await lab?.stop();
  await cleanUp?.();
  lab = undefined;
  cleanUp = undefined;
});

function send(to: string): { from: string; to: string } {
  return { from: 'a@ours.example', to: `b@${to}` };
}

/** Nothing of an envelope was seen outside TLS, at any peer. */
function expectNothingInCleartext(running: Lab): void {
  for (const { cleartext } of running.peers.flatMap((peer) => peer.connections)) {
    expect(cleartext).toMatch(beforeTls);
  }
}

describe('other plugins', () => {
  it('cannot turn a refusal into a delivery by overruling denials', async () => {
    const running = await start({ plugins: ['overruling', 'tls-peers'], ownPlugins: { overruling } });
    const refused = await running.deliver(send('bare.example'));
    expect(refused).toMatchObject({ status: 'deferred', recipients: [{ dsn_status: '4.7.4' }] });
    expect(refused.error).toContain('starttls-not-supported');
    expect(await running.deliver(send('sound.example'))).toMatchObject({
      status: 'delivered',
      delivery: { secured: true },
    });
    expectNothingInCleartext(running);
  });

  it('cannot end the send_email chain before the guard is attached', async () => {
    const running = await start({ plugins: ['early', 'tls-peers'], ownPlugins: { early } });
    expect(await running.deliver(send('bare.example'))).toMatchObject({ status: 'deferred' });
    expect(await running.deliver(send('sound.example'))).toMatchObject({
      status: 'delivered',
      delivery: { secured: true },
    });
    expectNothingInCleartext(running);
  });

  it('choose the hosts, and the rule holds for those as well', async () => {
    const routing = `exports.hook_get_mx = (next, hmail, domain) => next(OK, 'mx.' + (domain === 'sound.example' ? 'bare.example' : 'sound.example'));`;
    const running = await start({ plugins: ['routing', 'tls-peers'], ownPlugins: { routing } });
    expect(await running.deliver(send('sound.example'))).toMatchObject({ status: 'deferred' });
    const rerouted = await running.deliver(send('bare.example'));
    expect(rerouted).toMatchObject({
      status: 'delivered',
      delivery: { host: 'mx.sound.example', secured: true },
    });
    expectNothingInCleartext(running);
  });
});

describe('a delivery that cannot be guarded', () => {
  /** Breaks Haraka behind the back of the check that the plugin made when it was loaded. */
  const breaking = `
exports.register = function () { this.register_hook('init_master', 'breaks'); };
exports.breaks = function (next) {
  delete this.haraka_require('outbound/hmail').prototype.try_deliver;
  next();
};`;

  it('waits, and is tried again', async () => {
    const running = await start({ plugins: ['tls-peers', 'breaking'], ownPlugins: { breaking } });
    await running.send(send('sound.example'));
    await running.haraka.waitForLog(/the delivery could not be guarded and waits 60 s/);
    expect(running.peers.flatMap((peer) => peer.connections)).toEqual([]);
    const queued = await readdir(path.join(running.haraka.directory, 'queue'));
    expect(queued.filter((name) => !name.startsWith('.'))).toHaveLength(1);
  });

  /** Takes the guard out of the chain when everything runs. */
  const unguarding = `
exports.hook_mail = function (next) {
  const { registered_hooks } = this.haraka_require('plugins');
  registered_hooks.send_email = registered_hooks.send_email.filter(({ plugin }) => !plugin.includes('tls-peers'));
  next();
};`;

  it('is deferred where it comes to choosing hosts without its guard', async () => {
    const running = await start({ plugins: ['tls-peers', 'unguarding'], ownPlugins: { unguarding } });
    expect((await running.deliver(send('sound.example'))).status).toBe('deferred');
    await running.haraka.waitForLog(/this delivery has no guard; it is deferred/);
    expect(running.peers.flatMap((peer) => peer.connections)).toEqual([]);
  });

  it('is decided all the same where nobody answers get_mx', async () => {
    const silencing = unguarding.replaceAll('send_email', 'get_mx');
    const running = await start({ plugins: ['tls-peers', 'silencing'], ownPlugins: { silencing } });
    expect((await running.deliver(send('bare.example'))).status).toBe('deferred');
    expect((await running.deliver(send('sound.example'))).status).toBe('delivered');
    expectNothingInCleartext(running);
  });

  /** As if tls.ini could not be read. */
  const unreadable = `
exports.register = function () {
  const tls = this.haraka_require('outbound/tls');
  const { load_config } = tls;
  tls.load_config = () => {
    tls.load_config = load_config;
    throw new Error('as the test says');
  };
};`;

  it('is held to its rule where Haraka could not load its own TLS settings', async () => {
    const running = await start({
      plugins: ['unreadable', 'early', 'tls-peers'],
      ownPlugins: { unreadable, early },
    });
    await running.haraka.waitForLog(/the deliveries could not be prepared: as the test says/);
    expect((await running.deliver(send('bare.example'))).status).toBe('deferred');
    await running.deliver(send('sound.example'));
    expectNothingInCleartext(running);
  });
});

describe('a certificate check that fails by a fault of our own', () => {
  let running: Lab;
  let bundle: Bundle;
  beforeAll(async () => {
    bundle = await buildWith(
      'policy/session',
      `export function checkSession() { throw new Error('as the test says'); }`,
    );
    running = await startLab(world, { config, bundle: bundle.file });
  });
  afterAll(async () => {
    await running.stop();
    await bundle.remove();
  });

  it('defers the message, and Haraka lives', async () => {
    for (let i = 0; i < 2; i++) {
      const outcome = await running.deliver(send('sound.example'));
      expect(outcome).toMatchObject({ status: 'deferred', recipients: [{ dsn_status: '4.3.0' }] });
      expect(outcome.error).toContain('the certificate check broke: as the test says');
    }
    expectNothingInCleartext(running);
  });

  it('holds up no message that may go without TLS', async () => {
    const outcome = await running.deliver(send('may-tls.example'));
    expect(outcome).toMatchObject({ status: 'delivered', delivery: { secured: false } });
    await running.haraka.waitForLog(
      /internal-error: the certificate check broke: .*; trying again without TLS/,
    );
  });
});

describe('an inbound verdict that fails by a fault of our own', () => {
  const inbound = (plugin: string): LabOptions => ({
    config: { 'tls-peers/ours.example.ini': '[inbound]\nsecurity_level = opportunistic\n' },
    plugins: [plugin],
  });
  const message = { from: 'a@theirs.example', to: 'b@ours.example' };

  it('keeps the recipient out for now', async () => {
    const throwing = `export function ruleForClient() { throw new Error('as the test says'); }`;
    const bundle = await buildWith('inbound/client_rule', throwing);
    cleanUp = () => bundle.remove();
    const running = await start({ ...inbound('tls-peers'), bundle: bundle.file });
    await expect(running.send(message)).rejects.toThrow(/451 4\.3\.0/);
  });

  it('stands where it cannot be reported', async () => {
    const throwing = `export function verdictLine() { throw new Error('as the test says'); }`;
    const bundle = await buildWith('inbound/report', throwing);
    cleanUp = () => bundle.remove();
    // The line of a client under no rule is only made where it is written.
    const running = await start({ ...inbound('tls-peers'), bundle: bundle.file, logLevel: 'debug' });
    await running.send(message);
    await running.haraka.waitForLog(/the verdict could not be reported: as the test says/);
  });
});

describe('a look-up that fails by a fault of our own', () => {
  /** The domain says how, so that one Haraka shows all of them. */
  const failing = `
export function discover(_sources, _rule, domain) {
  if (domain.startsWith('throws.')) throw new Error('as the test says');
  return domain.startsWith('rejects.') ? Promise.reject(new Error('as the test says')) : new Promise(() => {});
}
export const discoverRouted = discover;`;
  let bundle: Bundle;
  beforeAll(async () => {
    bundle = await buildWith('discovery/discover', failing);
  });
  afterAll(() => bundle.remove());

  describe('and says so in one way or the other', () => {
    const ways = ['throws', 'rejects', 'hangs'];
    let running: Lab;
    beforeAll(async () => {
      const domains = Object.entries(world.domains).flatMap(([domain, spec]) =>
        ways.map((how) => [`${how}.${domain}`, spec] as const),
      );
      running = await startLab(
        { domains: Object.fromEntries(domains) },
        {
          bundle: bundle.file,
          plugins: ['overruling', 'tls-peers'],
          ownPlugins: { overruling },
          config: {
            'tls-peers/ours.example.ini': rules.replaceAll('[outbound may', '[outbound *.may'),
            'tls-peers.ini': '[timeouts]\ndecision = 1\n',
          },
        },
      );
    });
    afterAll(() => running.stop());

    it.each(ways)('%s: the message waits, whatever its level, and Haraka lives', async (how) => {
      const outcomes = await Promise.all(
        ['bare.example', 'sound.example', 'may.example'].map((to) => running.deliver(send(`${how}.${to}`))),
      );
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: 'deferred', recipients: [{ dsn_status: '4.3.0' }] });
        expect(outcome.error).toContain('internal-error');
      }
      expect(running.peers.flatMap((peer) => peer.connections)).toEqual([]);
      // The process still takes mail.
      expect((await running.deliver(send(`${how}.bare.example`))).status).toBe('deferred');
    });
  });

  it('outlasts even the plugin timeout, with a plugin that overrules it', async () => {
    const running = await start({
      bundle: bundle.file,
      plugins: ['overruling', 'tls-peers'],
      ownPlugins: { overruling },
      config: { ...config, 'tls-peers.ini': '[timeouts]\ndecision = 20\n', 'tls-peers.timeout': '1\n' },
    });
    const outcome = await running.deliver(send('bare.example'));
    expect(outcome).toMatchObject({ status: 'deferred', recipients: [{ dsn_status: '4.3.0' }] });
    expect(running.peers.flatMap((peer) => peer.connections)).toEqual([]);
  });
});

describe('a message that is retried', () => {
  /** Retries without the waits, and says when the same delivery comes by with another guard. */
  const witness = `
exports.register = function () {
  this.haraka_require('outbound/config').cfg.temp_fail_intervals = [0.01, 0.01, 0.01, 0.01, 0.01];
  this.register_hook('send_email', 'witness', 0);
};
const seen = new WeakMap();
exports.witness = (next, hmail) => {
  const known = seen.get(hmail);
  if (known && known !== hmail.try_deliver) this.logerror('another guard');
  seen.set(hmail, hmail.try_deliver);
  hmail.lognotice('witness: ' + (known === undefined ? 'new' : known === hmail.try_deliver ? 'same guard' : 'another guard'));
  next();
};`;

  it('five times carries one guard, and is held to its rule each time', async () => {
    const running = await start({ plugins: ['witness', 'tls-peers'], ownPlugins: { witness } });
    const { id } = await running.send(send('bare.example'));
    const last = await running.outcome(id, { wanted: 'settled', timeoutMs: 30_000 });
    expect(last).toMatchObject({ status: 'bounced', failures: 6, recipients: [{ dsn_status: '5.7.4' }] });
    const seen = running.haraka.logLines.flatMap((line) => /witness: (.*?)\s*$/.exec(line)?.[1] ?? []);
    expect(seen).toEqual(['new', 'same guard', 'same guard', 'same guard', 'same guard', 'same guard']);
    expect(running.peer('mx.bare.example').connections).toHaveLength(6);
    expectNothingInCleartext(running);
  });
});
