/** Mail where the resolver knows no EDNS: what needs no DNSSEC goes, and nobody can bring that about for the rest. */
import { afterEach, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { EdnsBehaviour, World } from '../../../haraka-test-harness/world';
import { callIn } from '../../cli/lab_call';

const dane = { dnssec: 'secure', mx: [{ certificate: 'self-signed', tlsa: ['match'] }] } as const;
/** Whoever is held to DANE finds out that this is somebody else. */
const impostor = { dnssec: 'secure', mx: [{ tlsa: ['mismatch'] }] } as const;

const world: World = {
  domains: { 'may.example': {}, 'auto.example': impostor, 'must.example': dane },
};

const rules = `[outbound]
security_level = auto
[outbound may.example]
security_level = opportunistic
[outbound must.example]
security_level = mandatory_dane
`;

let lab: Lab | undefined;

afterEach(async () => {
  await lab?.stop();
  lab = undefined;
});

async function start(edns: EdnsBehaviour): Promise<Lab> {
  lab = await startLab(
    { ...world, edns },
    {
      config: { 'tls-peers/ours.example.ini': rules },
      // Probes of a resolver that does not validate are one second apart; the cache keeps nothing from before.
      resolver: { timeout: '1', probe_interval: '10' },
      plugins: ['tls-peers/outbound'],
    },
  );
  return lab;
}

const send = (running: Lab, domain: string) =>
  running.deliver({ from: 'a@ours.example', to: `b@${domain}` }, { timeoutMs: 30_000 });

it.each<EdnsBehaviour>(['formerr', 'notimp', 'dropped'])(
  'a resolver that meets OPT with %s: mail goes, only DANE does not',
  { tags: ['regression'], timeout: 90_000 },
  async (edns) => {
    const running = await start(edns);
    expect(await send(running, 'may.example')).toMatchObject({ status: 'delivered' });
    expect(await send(running, 'auto.example')).toMatchObject({
      status: 'delivered',
      delivery: { secured: true },
    });
    expect(await send(running, 'must.example')).toMatchObject({ status: 'deferred' });
    await running.haraka.waitForLog(
      /resolver \S+ does not speak EDNS .*it is asked without OPT and nothing of it is secure/,
    );
    const explained = await callIn(running, ['explain', 'a@ours.example', 'b@may.example']);
    expect(explained.out).toMatch(/DNSSEC .*asked without OPT and nothing of it is secure/);
    expect(explained.out).not.toMatch(/lookup failed|look-up failed/);
    const linted = await callIn(running, ['lint']);
    expect(linted.out).toMatch(/\[resolver\].*asked without OPT and nothing of it is secure/);
    const tested = await callIn(running, ['test', 'may.example']);
    expect(tested.out).not.toMatch(/dns-lookup-failed/);
  },
);

it(
  'a resolver that spoke EDNS and is made to look as if it did not: mail waits, at every level, also after a reload',
  { tags: ['regression'], timeout: 90_000 },
  async () => {
    const running = await start('spoken');
    expect(await send(running, 'auto.example')).toMatchObject({ status: 'deferred' });
    expect(await send(running, 'must.example')).toMatchObject({ status: 'delivered' });
    for (const edns of ['formerr', 'dropped'] as const) {
      running.dns.edns(edns);
      const from = running.haraka.logLines.length;
      // Everything that DNS said is forgotten by the resolver that new settings make.
      await running.haraka.writeConfig(
        'tls-peers.ini',
        `[resolver]\nservers = ${running.dns.address}\ntimeout = 1\nprobe_interval = 10\n[cache]\nentries = ${edns === 'formerr' ? 100 : 101}\n`,
      );
      await running.haraka.waitForLog(
        edns === 'formerr'
          ? /FORMERR.*answered with OPT before.*restart Haraka/
          : /did not answer the DNSSEC probe/,
        { from, timeoutMs: 20_000 },
      );
      const outcomes = await Promise.all(Object.keys(world.domains).map((domain) => send(running, domain)));
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: 'deferred', recipients: [{ dsn_status: '4.4.3' }] });
      }
    }
    // Node's own look-ups know no EDNS either, and are not meant.
    const stripped = running.dns
      .questions()
      .filter(({ name, opt }) => opt === 'without_opt' && /^(?:_25|may|auto|must|mx|$)/.test(name));
    expect(stripped).toEqual([]);
  },
);
