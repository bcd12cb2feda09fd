/**
 * `npm run test:versions`: the table of `npm start` on every Haraka and Node that is supported. Installs them from the
 * npm registry the first time.
 *
 * Besides, incoming mail is held to an inbound rule, mail that must be encrypted does not leave past the queue, and what clients pipeline around STARTTLS must count for nothing.
 *
 * `--only <text>` runs the combinations whose name holds the text. Exit code 0 only if every row is as expected.
 */
import { parseArgs } from 'node:util';
import { startLab, type LabOptions } from '../../../haraka-test-harness/lab';
import { runScenarios } from '../../../haraka-test-harness/run_scenarios';
import { scenarioConfig, scenarioWorld, scenarios } from '../../../haraka-test-harness/scenarios';
import { startBypass } from '../e2e/bypass';
import { inject, injections, isForgotten, type Injection } from '../faults/injection';
import { serverWithTls } from '../faults/surroundings';
import { installedHaraka, installedNode, newestName } from './installs';

interface Combination {
  readonly haraka: string;
  /** Of the package; where absent, the newest that this version has. */
  readonly name?: 'Haraka';
  /** Major version; `this` is the one that runs this script. */
  readonly node: 22 | 24 | 'this';
  readonly workers: number;
}

const combinations: readonly Combination[] = [
  { haraka: '3.0.4', node: 'this', workers: 0 },
  { haraka: '3.1.0', node: 'this', workers: 0 },
  { haraka: '3.1.6', node: 'this', workers: 0 },
  { haraka: '3.2.1', node: 'this', workers: 0 },
  { haraka: '3.3.4', node: 'this', workers: 0 },
  { haraka: '3.3.4', name: 'Haraka', node: 'this', workers: 0 },
  { haraka: '3.3.4', node: 22, workers: 0 },
  { haraka: '3.3.4', node: 24, workers: 0 },
  { haraka: '3.3.4', node: 'this', workers: 2 },
];

function nameOf({ haraka, name, node, workers }: Combination): string {
  const major = node === 'this' ? process.versions.node : `${node}`;
  return `${name ?? newestName(haraka)} ${haraka} on Node ${major}${workers === 0 ? '' : `, ${workers} workers`}`;
}

async function optionsOf({ haraka, name, node, workers }: Combination): Promise<LabOptions> {
  const [directory, executable] = await Promise.all([
    installedHaraka(haraka, name),
    node === 'this' ? process.execPath : installedNode(node),
  ]);
  return {
    haraka: directory,
    node: executable,
    workers,
    config: scenarioConfig(),
    resolver: { timeout: '1', deadline: '3' },
  };
}

/** @returns what was not as expected, one line each */
async function faultsOf(combination: Combination): Promise<string[]> {
  const lab = await startLab(scenarioWorld, await optionsOf(combination));
  try {
    const rows = await runScenarios(lab, scenarios);
    return rows.flatMap(({ peer, faults }) => faults.map((fault) => `${peer}: ${fault}`));
  } finally {
    await lab.stop();
  }
}

/** Incoming mail is held to a rule of the recipient's domain, and mail for other domains is not. */
async function inboundFaultsOf(combination: Combination): Promise<string[]> {
  const options = await optionsOf(combination);
  const server = await serverWithTls();
  const rule = '[inbound 127.0.0.0/8]\nsecurity_level = mandatory\n';
  const config = { ...server.config, 'tls-peers/ours.example.ini': rule };
  const lab = await startLab({ domains: {} }, { ...options, ...server, config });
  const answer = (to: string): Promise<string> =>
    lab.send({ from: 'someone@peer.example', to }).then(
      () => 'taken',
      (error: unknown) => String(error),
    );
  try {
    const [held, other] = [await answer('me@ours.example'), await answer('me@theirs.example')];
    return [
      ...(held.includes('530 5.7.0') ? [] : [`inbound without TLS, expected 530 5.7.0: ${held}`]),
      ...(other === 'taken' ? [] : [`inbound, expected to be taken: ${other}`]),
    ];
  } finally {
    await lab.stop();
  }
}

/** Mail that must not leave in cleartext does not leave past the outbound queue, whoever takes the refusal back. */
async function bypassFaultsOf(combination: Combination): Promise<string[]> {
  const options = { ...(await optionsOf(combination)), config: {} };
  const faults: string[] = [];
  const expect = (what: string, seen: string, wanted: RegExp) => {
    if (!wanted.test(seen)) faults.push(`${what}, expected ${String(wanted)}: ${seen}`);
  };
  for (const kind of ['queue/smtp_proxy', 'queue/smtp_forward', 'queue/qmail-queue'] as const) {
    const bypass = await startBypass(kind, options);
    try {
      const to = 'rcpt@strict.example';
      expect(
        `${kind} refused`,
        await bypass.submit('someone@ours.example', to),
        /^450 4\.7\.0 mail to strict/,
      );
      expect(`${kind} taken back`, await bypass.outcome('lenient@ours.example', to), /^delivered secured$/);
      expect(`${kind} passed`, (await bypass.passed()).join(), /^$/);
      // Haraka 3.2 ends where its own qmail-queue takes mail: it makes octets of addresses that are functions there.
      if (kind === 'queue/qmail-queue' && combination.haraka.startsWith('3.2.')) continue;
      expect(`${kind} free`, await bypass.submit('someone@ours.example', 'rcpt@free.example'), /^taken$/);
      expect(`${kind} may not relay`, await bypass.submit('stranger@ours.example', to), /^taken$/);
      expect(
        `${kind} passed at last`,
        (await bypass.passed()).sort().join(),
        /^rcpt@free\.example,rcpt@strict\.example$/,
      );
    } finally {
      await bypass.stop();
    }
  }
  return faults;
}

/** Commands that a client pipelines around STARTTLS count for nothing. */
async function injectionFaultsOf(combination: Combination): Promise<string[]> {
  const options = await optionsOf(combination);
  const server = await serverWithTls();
  const lab = await startLab({ domains: {} }, { ...options, ...server });
  try {
    const faults: string[] = [];
    for (const injection of Object.keys(injections) as Injection[]) {
      const injected = await inject(lab.haraka.port, injection, server.config['tls_cert.pem'] ?? '');
      if (injected.kind !== 'spoke' || !isForgotten(injected))
        faults.push(`${injection}: ${JSON.stringify(injected)}`);
    }
    return faults;
  } finally {
    await lab.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' } } });
  const only = values.only ?? '';
  let failed = 0;
  for (const combination of combinations.filter((one) => nameOf(one).includes(only))) {
    const name = nameOf(combination);
    await optionsOf(combination);
    const begun = Date.now();
    const faults = await faultsOf(combination).catch((error: unknown) => [String(error)]);
    const seconds = ((Date.now() - begun) / 1000).toFixed(1);
    faults.push(
      ...(await inboundFaultsOf(combination)),
      ...(await injectionFaultsOf(combination)),
      ...(await bypassFaultsOf(combination)),
    );
    const verdict = faults.length === 0 ? `all ${scenarios.length} rows as expected` : 'NOT AS EXPECTED';
    process.stdout.write(`${name.padEnd(36)} ${verdict.padEnd(26)} ${seconds.padStart(6)} s\n`);
    for (const fault of faults) process.stdout.write(`  ${fault}\n`);
    failed += faults.length === 0 ? 0 : 1;
  }
  process.exitCode = failed === 0 ? 0 : 1;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
