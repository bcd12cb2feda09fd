/**
 * Whatever the suite can complain of in the log at a start, `lint` finds before it. Every call that logs a warning or an error is
 * listed here with the check that finds it, or with why a start does not come to it; a new one has to be added.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { checks } from '../../../src/settings/checks/checks';
import { logged } from '../../../src/settings/checks/logged';

const root = path.resolve(import.meta.dirname, '../../..');

/** A check by its name; `loading`: a fault that reading the files gives. */
type FoundBy = { readonly check: string } | 'loading';
/** `mail`, `clients`: it takes a message, or a client. `change`: something has to change while Haraka runs. `own fault`: a defect. */
type NotAtStart = { readonly takes: 'mail' | 'clients' | 'change' | 'own fault' };

// prettier-ignore
const lines: Readonly<Record<string, readonly (FoundBy | NotAtStart)[]>> = {
  'src/engine.ts': [
    { check: "Haraka's user" }, // there is no user
    { check: 'directories' }, // what is kept on disk
    { takes: 'own fault' }, // a bundle that is not there, three times
    { takes: 'own fault' }, { takes: 'own fault' }, { takes: 'own fault' }, { takes: 'own fault' }, { takes: 'own fault' },
  ],
  'src/mta_sts/file_store.ts': [
    { check: 'directories' }, // other users had access
    { check: 'directories' }, // the directory cannot be used
    { takes: 'mail' }, // the policy kept for a domain
    { check: 'directories' }, // an entry is left out
    { takes: 'change' }, // could not be swept: it was usable a moment before
    { takes: 'change' }, // more named policies than max_policies: each came with mail
  ],
  'src/mta_sts/policy_cache.ts': [{ takes: 'mail' }, { takes: 'mail' }],
  'src/mta_sts/policies.ts': [{ takes: 'own fault' }, { takes: 'mail' }],
  'src/settings/reload/settings_store.ts': [
    { takes: 'own fault' }, // could not be looked at
    'loading', 'loading', 'loading', // faults
    { check: 'domains that were removed' }, { check: 'domains that were removed' },
    { check: 'weakened defaults' }, // all checks that a start runs: below
  ],
  'src/fleet/evidence/publisher.ts': [{ takes: 'mail' }],
  'src/fleet/fleet.ts': [{ check: 'secret of the fleet' }],
  'src/fleet/host_rules.ts': [{ takes: 'change' }],
  'src/fleet/policies.ts': [{ takes: 'mail' }],
  'src/fleet/standing.ts': [{ check: 'Redis of the fleet' }, { check: 'Redis of the fleet' }],
  'src/settings/reload/reminder.ts': [{ check: 'directories' }],
  'src/dns/resolver.ts': [{ takes: 'own fault' }],
  'src/dns/probe.ts': [{ check: 'resolver probe' }, { check: 'resolver probe' }],
  'src/hosting/certificates.ts': [{ check: 'certificate directory' }],
  'src/hosting/listener.ts': [{ takes: 'clients' }, { check: 'ports' }],
  'src/hosting/watch.ts': [{ check: 'hosted policies' }, { check: 'hosted policies' }, { takes: 'own fault' }],
  'src/hosting/server.ts': [{ check: 'certificate directory' }],
  'src/state/background.ts': [{ check: 'directories' }],
  'src/evidence/store/held_writer.ts': [{ takes: 'mail' }],
  'src/evidence/store/track_writer.ts': [{ takes: 'mail' }],
  'src/web/access/token_file.ts': [{ check: 'keys' }],
  'src/web/listener.ts': [{ check: 'ports' }],
  'src/web/listeners.ts': [{ check: 'keys' }],
  'src/web/handler.ts': [{ takes: 'clients' }, { takes: 'clients' }],
  'src/web/clerk.ts': [{ takes: 'clients' }, { takes: 'clients' }],
  'src/delivery/session_count.ts': [{ takes: 'own fault' }],
  'src/reports/queue/outcome.ts': [{ takes: 'mail' }],
  'src/reports/receive/receiver.ts': [{ takes: 'mail' }],
  'plugins/reports.ts': [{ takes: 'mail' }, { takes: 'own fault' }, { takes: 'own fault' }],
  'plugins/web.ts': [{ takes: 'own fault' }, { takes: 'own fault' }],
  'plugins/outcome_notes.ts': [{ takes: 'own fault' }],
  'src/delivery/host_fault.ts': [{ takes: 'mail' }, { takes: 'mail' }],
  'src/delivery/outcome.ts': [{ takes: 'mail' }, { takes: 'mail' }, { takes: 'mail' }],
  'src/delivery/trying.ts': [{ takes: 'mail' }],
  'src/delivery/host_choice.ts': [{ takes: 'mail' }, { takes: 'mail' }],
  'src/delivery/giving_up.ts': [{ takes: 'mail' }, { takes: 'mail' }],
  'src/delivery/watcher.ts': [{ takes: 'mail' }],
  'plugins/bypassing_plugins.ts': [{ takes: 'mail' }, { check: 'bypassing plugins' }, { takes: 'own fault' }],
  'plugins/require_tls.ts': [
    { takes: 'own fault' }, { takes: 'own fault' }, { takes: 'own fault' }, { takes: 'own fault' },
  ],
  'plugins/tagged_bounces.ts': [{ takes: 'mail' }],
  'plugins/hosting.ts': [{ takes: 'own fault' }],
  'plugins/inbound.ts': [{ takes: 'clients' }, { takes: 'clients' }, { takes: 'clients' }, { takes: 'own fault' }],
  'plugins/outbound.ts': [
    { takes: 'mail' }, { takes: 'mail' }, { takes: 'mail' }, { takes: 'own fault' }, { takes: 'own fault' }, { takes: 'mail' },
  ],
};

/** Notices that say that something is otherwise than was asked for. The others say what goes on. */
const notices: readonly [file: string, text: string, check: string][] = [
  ['plugins/outbound.ts', 'moved before ${leader} at send_email', 'plugins that would be first'],
  ['plugins/inbound.ts', 'moved before ${leader} at rcpt', 'plugins that would be first'],
  ['plugins/bypassing_plugins.ts', 'moved before ${leader} at queue_outbound', 'plugins that would be first'],
];

/** Its own callers log, with what they know. */
const passedOn = ['plugins/haraka_plugin.ts'];

function sources(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((name) => name.endsWith('.ts') && !name.startsWith('src/cli/') && !passedOn.includes(name));
}

const call =
  /(?:\blog(?:ger)?\??\.(?:warn|error)|\.#log\.(?:warn|error)|\.log(?:warn|error)|\blog\.(?:warn|error))\(/g;

test('every line of the log has its place', () => {
  const found = Object.fromEntries(
    [...sources('src'), ...sources('plugins')].flatMap((name) => {
      const text = readFileSync(path.join(root, name), 'utf8').replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '');
      const count = [...text.matchAll(call)].length;
      return count === 0 ? [] : [[name, count] as const];
    }),
  );
  expect(found).toEqual(Object.fromEntries(Object.entries(lines).map(([name, of]) => [name, of.length])));
});

test('what a start complains of, lint has a check for', () => {
  const atLint = checks.map(({ name }) => name);
  const named = Object.values(lines).flatMap((of) =>
    of.flatMap((one) => (typeof one === 'object' && 'check' in one ? [one.check] : [])),
  );
  for (const name of [...named, ...notices.map(([, , name]) => name)]) expect(atLint).toContain(name);
  for (const { name } of Object.values(logged)) expect(atLint).toContain(name);
});

test.each(notices)('%s says "%s"', (file, text) => {
  expect(readFileSync(path.join(root, file), 'utf8')).toContain(text);
});
