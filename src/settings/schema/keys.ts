/**
 * Every setting, once: its type, its default, where it may stand, and what it means. Validation, the sample files in
 * `config/` and the reference page in `docs/` all come from here.
 */
import {
  cleartextFallbacks,
  minTlsVersions,
  requireTlsModes,
  securityLevels,
  shippedInbound,
  shippedOutbound,
  tlsReportsModes,
  type SecurityLevel,
} from '../../peers/rule';
import { peerScopes } from '../../peers/section';
import {
  busiest,
  choice,
  day,
  domain,
  endpoint,
  filePath,
  fingerprint,
  flag,
  headerName,
  integer,
  list,
  mailAddress,
  mxPattern,
  nameMatch,
  network,
  queryName,
  redisDatabase,
  redisPrefix,
  resolverAddress,
  routeName,
  seconds,
  text,
  tlsVersionChoice,
  webHost,
  type ValueType,
} from './values';

export interface Key<T> {
  readonly type: ValueType<T>;
  /** As it would be written; empty where leaving the key out is a state of its own, which `meaning` then describes. */
  readonly initial: string;
  readonly meaning: string;
}

export type Keys = Readonly<Record<string, Key<unknown>>>;

/** What the keys of a section hold once they are read. */
export type Values<K extends Keys> = {
  readonly [Name in keyof K]: K[Name] extends Key<infer T> ? T : never;
};

/** The keys that are written in a section, and no others. */
export type Written<K extends Keys> = Partial<Values<K>>;

function key<T>(type: ValueType<T>, initial: string, meaning: string): Key<T> {
  return { type, initial, meaning };
}

/** Postfix's names for its levels (postconf(5), smtp_tls_security_level). `secure` also sets `match`; see `validate.ts`. */
export const postfixLevels = {
  may: 'opportunistic',
  encrypt: 'mandatory',
  dane: 'opportunistic_dane',
  'dane-only': 'mandatory_dane',
  secure: 'verify',
} as const satisfies Record<string, SecurityLevel>;

export const inboundLevels = ['opportunistic', 'mandatory'] as const;

const aboutSection = {
  exempt_until: key(
    day,
    '',
    'The section applies through that day (UTC); afterwards it is as if absent. For a weaker rule that lapses by itself.',
  ),
  comment: key(text, '', 'For people. Shown by `tls-peers explain` and exported.'),
};

const enforcement = (meaning: string) => key(choice(['enforce', 'monitor']), 'enforce', meaning);

const minTlsVersion = key(
  tlsVersionChoice(minTlsVersions),
  '',
  'The lowest TLS version that is accepted; `none` is any. Left out: `1.2` where cleartext is forbidden, `none` elsewhere.',
);

const status = key(
  choice(['enabled', 'disabled']),
  'enabled',
  'A disabled peer is treated as one that is not listed, a disabled domain as one that is not managed.',
);

export const outboundKeys = {
  security_level: key(
    choice(securityLevels, postfixLevels),
    shippedOutbound.security_level,
    "How strictly the connection is protected. Postfix's `secure` is `verify` with `match = nexthop, dot-nexthop`.",
  ),
  min_tls_version: minTlsVersion,
  match: key(
    list(nameMatch),
    'hostname',
    'At `verify`: names that the certificate may carry. The MX host, the next-hop domain (on a route: the routed host), any name below it, or names written out.',
  ),
  ca_file: key(
    filePath,
    '',
    "PEM file, relative to Haraka's config directory, of roots that are trusted as well.",
  ),
  fingerprints: key(
    list(fingerprint),
    '',
    'At `verify`: SHA-256 of accepted leaf certificates. They replace chain and name.',
  ),
  action_on_failure: key(
    choice(['defer', 'bounce']),
    shippedOutbound.action_on_failure,
    'What becomes of the message when no MX host meets the rule: tried again later, or returned at once.',
  ),
  enforcement: enforcement(
    '`monitor` delivers at the opportunistic level and records what would have failed.',
  ),
  cleartext_fallback: key(
    choice(cleartextFallbacks),
    shippedOutbound.cleartext_fallback,
    'When a level that allows cleartext uses it: also after a failed handshake, only where STARTTLS is not offered, or never.',
  ),
  insecure_mx: key(
    choice(['dane', 'may']),
    shippedOutbound.insecure_mx,
    "Where the MX records are not signed: `dane` still uses the hosts' TLSA records, `may` does not.",
  ),
  tls_reports: key(
    choice(tlsReportsModes),
    '',
    'Whether the domain is told of the TLS sessions with it, once `[tls_reports]` of `tls-peers.ini` says who reports. Left out: `on` at the levels that look at what a domain publishes (DANE, MTA-STS, `auto`), `off` elsewhere.',
  ),
  requiretls: key(
    choice(requireTlsModes, { 'opportunistic+starttls': 'opportunistic_tls' }),
    shippedOutbound.requiretls,
    'Mail whose sender asked for REQUIRETLS (RFC 8689): `enforce` sends it only to a host that DNSSEC or MTA-STS vouches for, whose certificate is verified, and that offers REQUIRETLS, or returns it. `opportunistic_tls` asks for TLS alone, `opportunistic` for what the rule asks of any mail. The request is passed on wherever it can be.',
  ),
  ...aboutSection,
};

export const inboundKeys = {
  security_level: key(
    choice(inboundLevels, { may: 'opportunistic', encrypt: 'mandatory' }),
    shippedInbound.security_level,
    'How strictly a connection from the peer must be protected.',
  ),
  min_tls_version: minTlsVersion,
  action_on_failure: key(
    choice(['bounce', 'defer']),
    shippedInbound.action_on_failure,
    'How a recipient is refused: for good (`530 5.7.0` without TLS, `550 5.7.4` with old TLS), or for now (`450 4.7.0`).',
  ),
  enforcement: enforcement('`monitor` accepts every recipient and records what would have been refused.'),
  ...aboutSection,
};

/**
 * What stands for domains that are not managed cannot lapse: nothing is behind it but what this suite was shipped with,
 * which may be weaker.
 */
function lasting<K extends typeof aboutSection>(keys: K): Omit<K, 'exempt_until'> {
  return Object.fromEntries(Object.entries(keys).filter(([name]) => name !== 'exempt_until')) as never;
}

/** Keys of `[outbound]` and `[inbound]` of the global file. Routes are about this Haraka, and not about a sender or a peer. */
export const globalOutboundKeys = {
  ...lasting(outboundKeys),
  routes: key(
    list(routeName),
    '',
    "Plugins whose answers to `get_mx` are routes of yours, and hosts (names or addresses) that are, beside Haraka's own routing plugins. Any other answer counts as MX hosts of the recipient's domain.",
  ),
  past_the_queue: key(
    choice(['refuse', 'warn']),
    'refuse',
    "Mail of clients that may relay whose rule forbids cleartext, where smtp_proxy, qmail-queue or smtp_forward would send it past Haraka's outbound queue: refused with 450 4.7.0, or let pass with a warning.",
  ),
};
export const globalInboundKeys = {
  ...lasting(inboundKeys),
  requiretls: key(
    flag,
    'false',
    'Offer REQUIRETLS (RFC 8689) within TLS. It is a promise: mail that comes with it goes on only as `requiretls` of `[outbound]` says, or is returned.',
  ),
};

export const hostedPolicyKeys = {
  mode: key(choice(['testing', 'enforce', 'none']), 'testing', 'The mode of the policy.'),
  mx: key(list(mxPattern), '', 'MX hosts that the policy allows. Needed unless the mode is `none`.'),
  max_age: key(integer(1, 31557600, 'seconds'), '604800', 'How long senders may keep the policy.'),
  certificate_file: key(
    filePath,
    '',
    "PEM file, relative to Haraka's config directory, of the policy host's chain. Left out: found in `certificate_directory`.",
  ),
  key_file: key(filePath, '', 'PEM file of its private key. Left out: expected in `certificate_file`.'),
};

export const resolverKeys = {
  servers: key(
    list(resolverAddress),
    '',
    'Resolvers, in the order in which they are asked; all of them should validate. Left out: those of the system.',
  ),
  trust_ad: key(
    flag,
    'false',
    "Believe the resolver's word that an answer is validated although it is neither on this host nor reached by TLS, or is systemd-resolved. Only where it validates and nobody else is on the path.",
  ),
  dnssec_probe: key(queryName, '.', 'A signed zone whose NS records show whether the resolver validates.'),
  probe_interval: key(
    seconds(10, 86400),
    '3600',
    'Time between two probes while all resolvers validate. While one does not, a tenth of it.',
  ),
  timeout: key(seconds(1, 30), '2', 'Time for one try at one resolver.'),
  deadline: key(seconds(1, 60), '10', 'Time for one question, all tries included.'),
};

export const cacheKeys = {
  entries: key(integer(0, 10_000_000), '50000', 'DNS answers kept in memory.'),
  min_ttl: key(seconds(0, 3600), '0', 'Answers are kept at least as long.'),
  max_ttl: key(seconds(1, 604800), '86400', 'Answers are kept no longer.'),
  max_negative_ttl: key(seconds(0, 86400), '3600', 'Denials are kept no longer.'),
};

export const stsKeys = {
  directory: key(
    filePath,
    'mta-sts',
    "Where policies are kept on disk; relative to the directory that holds Haraka's config directory.",
  ),
  fetch_timeout: key(
    seconds(1, 120),
    '20',
    'Time for one fetch of a policy, names and all addresses included.',
  ),
  max_fetches: key(integer(1, 1000), '20', 'Fetches at the same time.'),
  max_policies: key(
    integer(1, 10_000_000),
    '100000',
    'Policies kept; those of peers that a rule names always are.',
  ),
  mta_sts_allow_private: key(
    flag,
    'false',
    'Fetch policies from private, loopback and other special-purpose addresses as well.',
  ),
};

export const timeoutKeys = {
  decision: key(
    seconds(1, 300),
    '25',
    "Time for everything that is asked before a delivery. Keep it below Haraka's `plugin_timeout`.",
  ),
  greeting: key(seconds(1, 3600), '300', 'Time for the greeting of a host, once it is connected.'),
  ehlo: key(seconds(1, 3600), '300', 'Time for each reply to EHLO, STARTTLS and AUTH.'),
  tls_handshake: key(seconds(1, 300), '30', 'Time for the TLS handshake.'),
  mail: key(seconds(1, 3600), '300', 'Time for the reply to MAIL.'),
  rcpt: key(seconds(1, 3600), '300', 'Time for each reply to RCPT.'),
  data: key(seconds(1, 3600), '120', 'Time for the reply to DATA.'),
  data_block: key(seconds(1, 3600), '180', 'Time without any progress while the message is sent.'),
  final_dot: key(
    seconds(1, 3600),
    '600',
    'Time for the reply to the whole message. Another host gets it only when this one cannot have it any more.',
  ),
  quit: key(seconds(1, 300), '5', 'Time for the reply to QUIT, for which no message waits.'),
  attempt: key(
    seconds(10, 86_400),
    '1800',
    'Time for one attempt at one message over all hosts. While the message is sent, and while the reply to it is waited for, it does not run. Hosts that are left wait for the next attempt.',
  ),
};

export const deliveryKeys = {
  log_level: key(
    choice(['info', 'notice']),
    'info',
    "At which of Haraka's levels the line about the outcome of each delivery is logged: `tls-peers delivered`, `deferred`, `bounced`.",
  ),
  remember_broken_tls: key(
    flag,
    'false',
    "Use Haraka's own memory (Redis) of hosts with broken TLS where cleartext is allowed.",
  ),
  reuse_connections: key(
    flag,
    'true',
    'Let a session wait for the next message to the same host. Each message is held to its own rule.',
  ),
  session_messages: key(integer(1, 100_000), '100', 'Messages in one session.'),
  session_idle: key(seconds(1, 300), '5', 'Time for which a session waits for the next message.'),
  session_age: key(seconds(1, 86_400), '300', 'A session that is older carries no further message.'),
  idle_sessions: key(integer(0, 10_000), '100', 'Sessions that wait, of all hosts, in each process.'),
  connections_per_host: key(
    integer(1, 10_000),
    '20',
    'Connections to one host at a time, in each process. Mail beyond that waits, and comes by again.',
  ),
};

export const hostingKeys = {
  listen: key(
    list(endpoint),
    '',
    'Where the policies of managed domains are served over HTTPS. Left out: nowhere.',
  ),
  listen_http: key(
    list(endpoint),
    '',
    'Plain HTTP for a reverse proxy that terminates TLS. Left out: nowhere.',
  ),
  certificate_directory: key(
    filePath,
    'tls',
    "Certificates by host name, laid out as Haraka's tls plugin does; relative to Haraka's config directory.",
  ),
};

export const evidenceKeys = {
  enabled: key(
    flag,
    'true',
    'Count what happened, by peer and day, so that `tls-peers traffic` and `impact` can tell. No address of a person is kept.',
  ),
  directory: key(
    filePath,
    'evidence',
    "Where the counts are kept on disk; relative to the directory that holds Haraka's config directory.",
  ),
  days: key(integer(1, 3650, 'days'), '30', 'How long they are kept.'),
  max_peers: key(
    integer(1, 10_000_000),
    '100000',
    'Peers that are counted by themselves in a day, in each process. Those that a rule names always are; of the others the busiest.',
  ),
  track: key(
    flag,
    'false',
    'Also write a line for each recipient, with the addresses, so that `tls-peers track` can tell.',
  ),
  track_days: key(integer(1, 3650, 'days'), '7', 'How long those lines are kept.'),
  track_size: key(
    integer(1, 1_000_000, 'MB'),
    '1000',
    'What all of them may take on disk; the oldest go first.',
  ),
};

export const webKeys = {
  enabled: key(
    flag,
    'true',
    "Answer under `/tls-peers/` of Haraka's own http, where http.ini has one, and at `listen`. Nothing is shown without the token.",
  ),
  listen: key(
    list(endpoint),
    '',
    'Where page, API and metrics are served beside. Left out: nowhere. Off loopback, `certificate_file` is needed.',
  ),
  certificate_file: key(
    filePath,
    '',
    "PEM file, relative to Haraka's config directory, of the chain for `listen`. Left out: plain HTTP.",
  ),
  key_file: key(filePath, '', 'PEM file of its private key. Left out: expected in `certificate_file`.'),
  token_file: key(
    filePath,
    'web/token',
    "The token that page, API and metrics ask for, relative to the directory that holds Haraka's config directory. Made where it is missing.",
  ),
  hosts: key(
    list(webHost),
    '',
    'Names and addresses by which it may be asked for, beside `config/me`, `localhost`, loopback addresses and those of `listen`. All others are refused: what a browser was lured to must not reach it.',
  ),
  trust_proxy_user: key(
    headerName,
    '',
    'A header in which a proxy names the user whom it let in, such as `X-Remote-User`; no token is needed then. Only from `trusted_proxies`.',
  ),
  trusted_proxies: key(
    list(network),
    '',
    'Addresses and networks of proxies whose word on user, client and HTTPS counts.',
  ),
  session: key(seconds(60, 604_800), '43200', 'How long a log-in lasts.'),
  metrics_peers: key(
    busiest,
    'none',
    'How many of the busiest peers have lines of their own among the metrics.',
  ),
};

/** Those whose reports most domains get, by the domain that signs them. */
const bigReporters =
  'google.com, microsoft.com, comcast.net, mail.ru, yandex.ru, gmx.net, web.de, mailbox.org';

export const tlsReportsKeys = {
  organization: key(
    text,
    '',
    'Who reports. Nothing is counted or sent until this, `contact` and `from` are set.',
  ),
  contact: key(mailAddress, '', 'Whom to ask about a report. Its domain is named as the submitter.'),
  from: key(
    mailAddress,
    '',
    'The sender of reports. Its domain signs them, with DKIM; without a key nothing is sent by mail.',
  ),
  dkim_selector: key(
    text,
    '',
    "The selector of the key. Left out, with `dkim_key_file`: as Haraka's dkim plugin has it for the domain of `from`.",
  ),
  dkim_key_file: key(filePath, '', "PEM file of an RSA key, relative to Haraka's config directory."),
  directory: key(
    filePath,
    'tls-reports',
    "Where sessions and received reports are kept on disk; relative to the directory that holds Haraka's config directory.",
  ),
  days: key(integer(2, 365, 'days'), '10', 'How long is kept what could not be reported.'),
  max_domains: key(
    integer(1, 10_000_000),
    '100000',
    'Domains whose sessions are counted in a day, in each process.',
  ),
  max_delay: key(
    seconds(0, 14_400),
    '14400',
    'Reports of a day begin to be sent at a random time after its end, not later than this.',
  ),
  max_reports: key(integer(0, 10_000_000), '10000', 'Reports that are sent in a day, at most.'),
  suppress: key(list(mailAddress), '', 'Addresses that get no reports, such as those that bounce them.'),
  receive: key(
    list(mailAddress),
    '',
    'Addresses of managed domains to which others send their reports. They are read, and mail to them needs no TLS. Left out: none are.',
  ),
  received_mail: key(
    choice(['pass', 'keep']),
    'pass',
    'What becomes of a report that was read: passed on to whoever else takes mail, or kept back.',
  ),
  received_days: key(integer(1, 3650, 'days'), '90', 'How long the figures of received reports are kept.'),
  trusted_reporters: key(
    list(domain),
    bigReporters,
    'Domains (of the DKIM signature) whose word counts for `enforce_after_days`. Others are shown as unverified.',
  ),
  enforce_after_days: key(
    integer(1, 365, 'days'),
    '14',
    'How long trusted reporters must have seen a `testing` policy without a failure before `enforce` is called safe.',
  ),
  enforce_after_reporters: key(integer(1, 100), '2', 'How many of them there must be.'),
};

export const fleetKeys = {
  redis: key(
    flag,
    'false',
    "Share what this host finds out with others, through the Redis server that Haraka's `redis.ini` names. It can only add: mail never waits for it.",
  ),
  prefix: key(
    redisPrefix,
    'tls-peers',
    'What its keys in Redis begin with. Hosts with the same server, database and prefix are one fleet.',
  ),
  db: key(redisDatabase, '', 'The number of the database. Left out: that of `redis.ini`.'),
  name: key(text, '', "What this host is called in the fleet. Left out: the system's host name."),
  key_file: key(
    filePath,
    '',
    "File of a secret of at least 32 characters, relative to Haraka's config directory, the same on every host. It vouches for MTA-STS policies and for what was counted; left out: policies are not shared, and counts of others decide nothing.",
  ),
};

export const domainKeys = {
  status,
  comment: aboutSection.comment,
};

/** Keys of `[outbound PEER]` and `[inbound PEER]` in the file of a managed domain. */
export const outboundPeerKeys = { status, ...outboundKeys };
export const inboundPeerKeys = { status, ...inboundKeys };

const scope = key(
  choice(peerScopes),
  'unmanaged',
  'For whom the section stands: domains that are not managed (and bounces), or `all`: also managed domains in whose own file no section is for this peer, whether it applies or not.',
);

/** Keys of `[outbound PEER]` and `[inbound PEER]` in `tls-peers.ini`. */
export const sharedOutboundPeerKeys = { scope, ...outboundPeerKeys };
export const sharedInboundPeerKeys = { scope, ...inboundPeerKeys };

const outboundPeer = 'One peer that mail goes to: a domain, or `*.` and a domain for all names below it.';
const inboundPeer =
  'One peer that mail comes from: a domain, `*.` and a domain for all names below it, an IP address, or a network such as `203.0.113.0/24`.';

export interface SectionSpec {
  readonly keys: Keys;
  readonly meaning: string;
}

/** The sections of `tls-peers.ini`; `outbound PEER` stands for one section per peer. */
export const globalSections = {
  outbound: {
    keys: globalOutboundKeys,
    meaning: 'The rule for outgoing mail of domains that are not managed, and what managed domains inherit.',
  },
  'outbound PEER': { keys: sharedOutboundPeerKeys, meaning: outboundPeer },
  inbound: {
    keys: globalInboundKeys,
    meaning: 'The rule for incoming mail to domains that are not managed, and what managed domains inherit.',
  },
  'inbound PEER': { keys: sharedInboundPeerKeys, meaning: inboundPeer },
  resolver: { keys: resolverKeys, meaning: 'The DNS resolver. DANE needs one that validates.' },
  cache: { keys: cacheKeys, meaning: 'The cache of DNS answers.' },
  mta_sts: { keys: stsKeys, meaning: 'Policies of other domains.' },
  timeouts: { keys: timeoutKeys, meaning: 'Limits on one delivery.' },
  delivery: { keys: deliveryKeys, meaning: 'How deliveries deal with Haraka.' },
  evidence: { keys: evidenceKeys, meaning: 'What happened: counts by peer and day.' },
  tls_reports: {
    keys: tlsReportsKeys,
    meaning: 'TLS reports (RFC 8460): sent to other domains, and received.',
  },
  fleet: { keys: fleetKeys, meaning: 'Several hosts, one memory: see `docs/fleet.md`.' },
  hosting: { keys: hostingKeys, meaning: 'Serving the MTA-STS policies of managed domains.' },
  web: { keys: webKeys, meaning: 'The page to look at, its API, and metrics.' },
} as const satisfies Record<string, SectionSpec>;

/** The sections of `tls-peers/<managed domain>.ini`; `outbound PEER` stands for one section per peer. */
export const domainSections = {
  main: { keys: domainKeys, meaning: 'The managed domain itself. These keys stand above the first section.' },
  outbound: { keys: outboundKeys, meaning: 'The default for peers that are not listed.' },
  'outbound PEER': {
    keys: outboundPeerKeys,
    meaning: outboundPeer,
  },
  inbound: { keys: inboundKeys, meaning: 'The default for peers that are not listed.' },
  'inbound PEER': {
    keys: inboundPeerKeys,
    meaning: inboundPeer,
  },
  mta_sts: { keys: hostedPolicyKeys, meaning: 'The MTA-STS policy that this domain publishes.' },
} as const satisfies Record<string, SectionSpec>;

/** The name a key has in code: `min_tls_version` is `minTlsVersion`. */
export type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;

export type CamelValues<K extends Keys> = {
  readonly [Name in keyof K & string as Camel<Name>]: K[Name] extends Key<infer T> ? T : never;
};

/** The value of `key` where it is not written; an empty list, or an empty text, for one without a default. */
export function initialValue(of: Key<unknown>): unknown {
  if (of.initial === '') return of.type.arity === 'list' ? Object.freeze([]) : '';
  const read = of.type.read(of.initial);
  if (read.kind === 'wrong') throw new Error(`the default ${of.initial} is not among: ${of.type.allowed}`);
  return read.value;
}

/** The values of `keys` where nothing is written. */
export function initials<K extends Keys>(keys: K): Values<K> {
  const values = Object.entries(keys).map(([name, of]) => [name, initialValue(of)]);
  return Object.freeze(Object.fromEntries(values)) as Values<K>;
}

/** `written` completed with defaults, under the names that the keys have in code. */
export function complete<K extends Keys>(keys: K, written: Written<K>): CamelValues<K> {
  const values = Object.entries({ ...initials(keys), ...written }).map(([name, of]) => [camel(name), of]);
  return Object.freeze(Object.fromEntries(values)) as CamelValues<K>;
}

function camel(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
