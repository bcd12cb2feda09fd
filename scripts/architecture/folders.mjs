// The folders, what each is for, and what each may import. From top to bottom: a folder uses only what stands below it, so
// there is no cycle. Read by eslint (rules.mjs) and by `npm run tree`, which writes the map in docs/architecture.md from it.

/**
 * @typedef {object} Folder
 * @property {string} about for people
 * @property {readonly string[]} uses what its files import, beside each other and the files in `src` itself
 * @property {'pure'} [kind] no I/O, no timers, no clock: decisions over plain data
 */

/**
 * By path: a folder, with what is below it and has no entry of its own, or a single file. `src` stands for its files alone.
 *
 * @type {Readonly<Record<string, Folder>>}
 */
export const folders = {
  plugins: {
    about: 'what Haraka loads: hooks in, calls to src/, next() out. No policy in here',
    uses: [
      'src/engine.ts',
      'src/bundles.ts',
      'src/fleet',
      'src/reports/queue',
      'src/reports/send',
      'src/reports/receive',
      'src/web',
      'src/web/access',
      'src/evidence',
      'src/delivery',
      'src/inbound',
      'src/settings/load',
      'src/settings/haraka',
      'src/settings/schema',
      'src/session',
      'src/state',
      'src/peers',
      'src/tls',
    ],
  },
  'src/engine.ts': {
    about: 'what all plugin lines of one process share',
    uses: [
      'src/bundles.ts',
      'src/fleet',
      'src/settings/reload',
      'src/settings/load',
      'src/settings/haraka',
      'src/settings/schema',
      'src/discovery',
      'src/evidence/store',
      'src/evidence',
      'src/reports/store',
      'src/mta_sts',
      'src/dns',
      'src/state',
      'src/peers',
    ],
  },
  'src/bundles.ts': {
    about: 'parts in files of their own, loaded when they are needed',
    uses: ['src/evidence/store', 'src/reports', 'src/web', 'src/hosting', 'src/fleet'],
  },
  'src/web': {
    about: 'the page, its API and metrics, in the process: who is let in, and what is handed on',
    uses: [
      'src/web/access',
      'src/web/metrics',
      'src/web/shared',
      'src/hosting',
      'src/settings/schema',
      'src/dns',
    ],
  },
  'src/web/page': { about: 'what the browser runs', uses: ['src/web/api'] },
  'src/web/api': {
    about: 'what the page asks for, worked out in a thread of its own from record, rules and DNS',
    uses: [
      'src/fleet',
      'src/state',
      'src/web/shared',
      'src/cli',
      'src/hosting',
      'src/reports/view',
      'src/reports/store',
      'src/settings/reload',
      'src/settings/checks',
      'src/settings/load',
      'src/settings/haraka',
      'src/settings/schema',
      'src/evidence/store',
      'src/evidence/views',
      'src/evidence',
      'src/day_files',
      'src/policy',
      'src/mta_sts',
      'src/peers',
    ],
  },
  'src/web/access': {
    about: 'credentials, sessions, proxies and names by which the page may be asked for',
    uses: ['src/settings/schema', 'src/state', 'src/peers', 'src/address_literal.ts'],
  },
  'src/web/metrics': {
    about: 'what Prometheus is told',
    uses: ['src/web/shared', 'src/settings/schema', 'src/dns'],
  },
  'src/web/shared': {
    about: 'words that all parts of the page use: answers, how much may be asked, what goes to the thread',
    uses: [],
  },
  'src/cli/bin.ts': { about: 'the process of the tls-peers command', uses: ['src/cli/main.ts', 'src/cli'] },
  'src/cli/main.ts': {
    about: 'its calls: which command, which install',
    uses: ['src/cli/commands', 'src/cli', 'src/peers'],
  },
  'src/cli/commands': {
    about: 'one file for each command',
    uses: [
      'src/reports/view',
      'src/reports/store',
      'src/tlsrpt',
      'src/cli',
      'src/fleet',
      'src/settings/checks',
      'src/settings/load',
      'src/settings/haraka',
      'src/settings/schema',
      'src/settings/ini',
      'src/evidence/store',
      'src/evidence/views',
      'src/evidence',
      'src/mta_sts',
      'src/dns',
      'src/state',
      'src/peers',
      'src/tls',
    ],
  },
  'src/cli': {
    about: 'what commands share: output, operands, the network as a delivery would meet it',
    uses: [
      'src/reports/send',
      'src/reports/view',
      'src/reports/store',
      'src/tlsrpt',
      'src/delivery',
      'src/fleet',
      'src/hosting',
      'src/settings/checks',
      'src/settings/load',
      'src/settings/haraka',
      'src/settings/schema',
      'src/settings/ini',
      'src/evidence/store',
      'src/evidence/views',
      'src/evidence',
      'src/queue',
      'src/discovery',
      'src/probe',
      'src/policy',
      'src/mta_sts',
      'src/dns',
      'src/mail_domain.ts',
      'src/dane',
      'src/state',
      'src/peers',
      'src/tls',
      'src/x509',
    ],
  },
  'src/reports': {
    about: 'TLS reports: what the two files of their own hold',
    uses: [
      'src/reports/queue',
      'src/reports/send',
      'src/reports/receive',
      'src/reports/view',
      'src/reports/store',
    ],
  },
  'src/reports/send': {
    about: 'reports to others: composed, signed, sent in their time',
    uses: [
      'src/reports/queue',
      'src/reports/store',
      'src/tlsrpt',
      'src/settings/schema',
      'src/mta_sts',
      'src/dns',
      'src/state',
      'src/peers',
    ],
  },
  'src/reports/view': {
    about: 'what others report of the managed domains, and what follows for their policies',
    uses: ['src/reports/store', 'src/tlsrpt', 'src/settings/schema', 'src/peers'],
  },
  'src/reports/receive': {
    about: 'reports of others: verified, unpacked, read, kept',
    uses: ['src/reports/store', 'src/tlsrpt', 'src/settings/schema', 'src/dns', 'src/state', 'src/peers'],
  },
  'src/reports/queue': {
    about: "reports on their way through Haraka's queue",
    uses: ['src/delivery', 'src/reports/store'],
  },
  'src/delivery': {
    about: 'holds a Haraka delivery to its requirements. The only code that knows its internals',
    uses: [
      'src/settings/schema',
      'src/discovery',
      'src/tlsrpt',
      'src/evidence',
      'src/session',
      'src/smtp',
      'src/policy',
      'src/mta_sts',
      'src/dns',
      'src/dane',
      'src/peers',
      'src/tls',
    ],
  },
  'src/fleet': {
    about: 'the memory that several hosts share, in Redis',
    uses: [
      'src/settings/haraka',
      'src/settings/load',
      'src/settings/schema',
      'src/evidence/store',
      'src/evidence',
      'src/day_files',
      'src/mta_sts',
      'src/state',
      'src/peers',
      'src/tls',
    ],
  },
  'src/hosting': {
    about: 'the policy server, and what its policies would do to mail',
    uses: [
      'src/settings/haraka',
      'src/settings/schema',
      'src/probe',
      'src/policy',
      'src/mta_sts',
      'src/dns',
      'src/state',
      'src/peers',
      'src/x509',
    ],
  },
  'src/inbound': {
    about: 'rules for connections that arrive',
    uses: ['src/settings/schema', 'src/evidence', 'src/policy', 'src/peers', 'src/tls'],
  },
  'src/settings/reload': {
    about: 'settings that follow their files, and what is said of that in the log',
    uses: ['src/settings/checks', 'src/settings/load', 'src/settings/schema', 'src/state', 'src/peers'],
  },
  'src/settings/checks': {
    about: 'what is probably not meant: one list, for lint, the start and the reload',
    uses: [
      'src/settings/load',
      'src/settings/haraka',
      'src/settings/schema',
      'src/settings/ini',
      'src/dns',
      'src/peers',
      'src/tls',
    ],
  },
  'src/settings/load': {
    about: 'files to settings in force, and which files there were',
    uses: [
      'src/settings/haraka',
      'src/settings/schema',
      'src/settings/ini',
      'src/dns',
      'src/state',
      'src/peers',
    ],
  },
  'src/settings/haraka': { about: "what is read of Haraka's own files", uses: ['src/state'] },
  'src/settings/schema': {
    about: 'every key, its values and faults; samples and reference are written from it',
    uses: ['src/settings/ini', 'src/peers', 'src/address_literal.ts'],
    kind: 'pure',
  },
  'src/settings/ini': {
    about: 'where things stand in an INI file; changes to its text',
    uses: [],
    kind: 'pure',
  },
  'src/evidence/views': {
    about: 'what the record shows, and what a changed rule would have done',
    uses: ['src/evidence', 'src/policy', 'src/mta_sts', 'src/dns', 'src/peers', 'src/tls'],
    kind: 'pure',
  },
  'src/evidence/store': {
    about: 'the files of the record: counted into, read, kept for their time',
    uses: ['src/evidence', 'src/day_files', 'src/queue', 'src/state', 'src/peers'],
  },
  'src/reports/store': {
    about:
      'the files of TLS reports: sessions counted into, read, kept for their time; what became of reports',
    uses: ['src/tlsrpt', 'src/day_files', 'src/state', 'src/peers'],
  },
  'src/tlsrpt': {
    about:
      'TLS reports as the standard has them: what a session is to policies, its counts, the report, who wants it',
    uses: ['src/day_files/lines.ts', 'src/policy', 'src/mta_sts', 'src/dns', 'src/dane', 'src/peers'],
    kind: 'pure',
  },
  'src/day_files': {
    about:
      'files of counts, one for each process and day: written, replaced where in doubt, kept for their time',
    uses: ['src/day_files/lines.ts', 'src/state', 'src/peers'],
  },
  'src/evidence': {
    about: 'what happened, counted: its shape, its lines, its bounds',
    uses: ['src/day_files/lines.ts', 'src/state', 'src/peers', 'src/tls'],
    kind: 'pure',
  },
  'src/day_files/lines.ts': { about: 'the lines of such files', uses: ['src/peers'], kind: 'pure' },
  'src/queue': {
    about: "what the files of Haraka's outbound queue tell; none is changed",
    uses: ['src/state'],
  },
  'src/discovery': {
    about: 'gathers the facts for one decision: asks DNS and the policy store',
    uses: ['src/policy', 'src/mta_sts', 'src/dns', 'src/mail_domain.ts', 'src/peers'],
  },
  'src/probe': {
    about: 'looks at an MX host through the same session, without an envelope',
    uses: ['src/session', 'src/smtp', 'src/policy', 'src/tls'],
  },
  'src/session': {
    about: 'one session: the machine bound to a socket, the gate below it; sessions that wait',
    uses: ['src/smtp', 'src/policy', 'src/tls'],
  },
  'src/smtp': {
    about: 'the protocol: replies, capabilities, envelope, and the session as a machine',
    uses: [],
    kind: 'pure',
  },
  'src/policy': {
    about: 'rule + facts to one requirement per MX host; requirement + handshake to verdict',
    uses: ['src/mta_sts', 'src/dns', 'src/dane', 'src/peers', 'src/tls', 'src/x509'],
    kind: 'pure',
  },
  'src/mta_sts': {
    about: 'TXT record, policy, matching, when to fetch; fetch; cache and store',
    uses: ['src/dns', 'src/state', 'src/tls', 'src/x509', 'src/address_literal.ts'],
  },
  'src/dns': {
    about: 'security-aware stub resolver: query, transport, cache, facts about a destination',
    uses: ['src/mail_domain.ts', 'src/dane', 'src/peers', 'src/tls', 'src/address_literal.ts'],
  },
  'src/mail_domain.ts': {
    about: 'what may stand behind the @ of an address',
    uses: ['src/peers', 'src/address_literal.ts'],
  },
  'src/dane': {
    about: 'TLSA records, usability, certificate verification',
    uses: ['src/x509'],
    kind: 'pure',
  },
  'src/state': { about: 'the directory and the files that outlive the process; whose they are', uses: [] },
  'src/peers': { about: '(managed domain, direction, peer) to rule', uses: [], kind: 'pure' },
  'src/tls': {
    about: 'what a handshake is asked for, what came of it, whom it trusts',
    uses: ['src/x509'],
  },
  'src/x509': {
    about: 'what is read of certificates: names, paths, constraints, strength',
    uses: [],
    kind: 'pure',
  },
  'src/address_literal.ts': { about: 'brackets around an address', uses: [] },
  src: { about: 'words that every folder may use: names, text, failures, the log, deadlines', uses: [] },
};
