/** What governs a message and what it comes to, in one sentence to be read out. Pure. */
import type { Explained } from '../peers/explain';
import type { InboundRule, OutboundRule, SecurityLevel } from '../peers/rule';
import type { SenderTag } from '../peers/sender_tag';
import { ruleUnder, treatmentOf } from '../policy/require_tls';
import type { Authentication, Decision, HostPlan, Requirement } from '../policy/requirement';
import { pkixNames } from './decision_text';
import { problemsOf, problemText } from './unsent';

interface Message {
  /** As the call names them. */
  readonly from: string;
  readonly to: string;
}

interface SentMessage extends Message {
  readonly tag: SenderTag;
}

/** @param decision what a delivery would now do; `undefined` where nobody was asked */
export function outboundSentence(
  message: SentMessage,
  explained: Explained<OutboundRule>,
  decision: Decision | undefined,
): string {
  const level = levelBehind(message.tag, explained.rule);
  const asked = decision === undefined ? levelText[level] : heldTo(decision, level);
  const head = `${mail(message)}${tagText[message.tag]} is held to ${asked} (${ruleText(explained)})`;
  return decision === undefined
    ? `${head}; DNS was not asked what that comes to.`
    : `${head}: ${outcome(decision)}.`;
}

/** @param message with the client's address, empty where it is not known */
export function inboundSentence(
  message: Message & { readonly ip: string },
  explained: Explained<InboundRule>,
): string {
  const client = message.ip === '' ? '' : ` by way of ${message.ip}`;
  const { level } = explained.rule;
  const outcome =
    level === 'mandatory'
      ? 'it would be accepted over TLS only'
      : 'it would be accepted with TLS and without';
  return `${mail(message)}${client} is held to ${levelText[level]} (${ruleText(explained)}): ${outcome}.`;
}

function mail({ from, to }: Message): string {
  return `Mail from ${from === '<>' ? 'the null sender' : bare(from)} to ${bare(to)}`;
}

const tagText: Readonly<Record<SenderTag, string>> = {
  untagged: '',
  required: ', with REQUIRETLS,',
  optional: ', with "TLS-Required: No",',
};

/** Of which the message is held to by the rule. */
function levelBehind(tag: SenderTag, rule: OutboundRule): SecurityLevel {
  return ruleUnder(treatmentOf(tag, 'with_sender', rule), rule).level;
}

function bare(address: string): string {
  return address.replace(/^<(.+)>$/, '$1');
}

/** The section, and where it is written. */
function ruleText({ candidates, rule }: Explained<{ readonly name: string }>): string {
  const place = candidates.find(({ outcome }) => outcome === 'wins')?.place ?? 'not written';
  return `${rule.name}, ${place}`;
}

const levelText: Readonly<Record<SecurityLevel, string>> = {
  none: 'cleartext',
  opportunistic: 'TLS where it is offered',
  mandatory: 'TLS',
  verify: 'a verified certificate',
  opportunistic_dane: 'DANE where it applies',
  mandatory_dane: 'DANE',
  mta_sts: 'MTA-STS where it applies',
  auto: 'DANE or MTA-STS where they apply',
};

/** What all hosts are held to, where that is one thing; else what the level says. */
function heldTo(decision: Decision, level: SecurityLevel): string {
  if (decision.kind !== 'deliver' || decision.refused.length > 0) return levelText[level];
  const [first, ...others] = new Set(decision.hosts.map(({ requirement }) => requirementName(requirement)));
  return first === undefined || others.length > 0 ? levelText[level] : first;
}

function requirementName(requirement: Requirement): string {
  switch (requirement.kind) {
    case 'cleartext':
      return levelText.none;
    case 'opportunistic':
      return levelText.opportunistic;
    case 'encrypted':
      return requirement.because === 'sts-enforce'
        ? 'MTA-STS'
        : authenticationName[requirement.authentication.kind];
  }
}

const authenticationName: Readonly<Record<Authentication['kind'], string>> = {
  none: levelText.mandatory,
  dane: levelText.mandatory_dane,
  pkix: levelText.verify,
  dane_and_pkix: 'DANE and MTA-STS',
  fingerprints: 'certificates that are listed',
};

const hostsNamed = 3;

function outcome(decision: Decision): string {
  const problems = problemsOf(decision);
  if (decision.kind !== 'deliver') {
    const fate = decision.kind === 'defer' ? 'it would wait' : 'it would be returned';
    return `${fate}, because ${problems.map(problemText).join('; ')}`;
  }
  const accepted = alike(decision.hosts.map((plan) => [plan.host, acceptedText(plan)]));
  const refused = alike(
    decision.refused.map(({ host, failure }) => [host, `would be refused, because ${failure.text}`]),
  );
  const said = [...accepted, ...refused];
  const more = said.length - hostsNamed;
  return [...said.slice(0, hostsNamed), ...(more > 0 ? [`and so on for ${more} more`] : [])].join('; ');
}

/** Hosts of which the same is to be said are said together. */
function alike(hosts: readonly (readonly [host: string, text: string])[]): string[] {
  const by = new Map<string, string[]>();
  for (const [host, text] of hosts) by.set(text, [...(by.get(text) ?? []), host]);
  return [...by].map(([text, names]) => `${listed([...new Set(names)])} ${text}`);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, hostsNamed);
  const more = names.length - shown.length;
  const all = more > 0 ? [...shown, `${more} more`] : shown;
  return all.length < 2 ? (all[0] ?? '') : `${all.slice(0, -1).join(', ')} and ${all.at(-1) ?? ''}`;
}

function acceptedText({ requirement, requireTls, discovered }: HostPlan): string {
  const keyword = requireTls === 'required' ? ' if it offers REQUIRETLS' : '';
  return `would be accepted ${condition(requirement)}${keyword}, because ${ground(requirement, discovered)}`;
}

function condition(requirement: Requirement): string {
  switch (requirement.kind) {
    case 'cleartext':
      return 'without TLS';
    case 'opportunistic':
      return requirement.cleartextFallback === 'never'
        ? 'over TLS only'
        : 'with TLS or, without, in cleartext';
    case 'encrypted':
      return `over ${requirement.minVersion} or newer${certificate(requirement.authentication)}`;
  }
}

function certificate(authentication: Authentication): string {
  switch (authentication.kind) {
    case 'none':
      return ', whatever its certificate';
    case 'dane':
      return ' with a certificate that its TLSA records authenticate';
    case 'pkix':
      return ` with a trusted certificate for ${pkixNames(authentication.pkix)}`;
    case 'dane_and_pkix':
      return ` with a trusted certificate for ${pkixNames(authentication.pkix)} that its TLSA records authenticate`;
    case 'fingerprints':
      return ' with a certificate that the rule lists';
  }
}

/** What decided it: the level alone, or what was found. */
function ground(requirement: Requirement, discovered: string): string {
  const because = requirement.because;
  const words: Readonly<Record<string, string>> = {
    opportunistic: 'the level asks for no more',
    mandatory: 'the level asks for TLS and no more',
    verify: 'the level asks for it',
    'no-dane': 'DANE does not apply',
    dane: 'DANE applies',
    'dane-unusable': 'its TLSA records are signed, and none is usable',
    'no-sts': 'neither DANE nor a policy applies',
    'sts-testing': 'its policy is in mode testing',
    'sts-enforce': 'its policy is in mode enforce',
    'dane+sts-enforce': 'DANE applies and its policy is in mode enforce',
    monitor: 'the rule only monitors',
    force_tls_hosts: "Haraka's force_tls_hosts lists it",
    requiretls: 'the sender asks for it',
  };
  const found = discovered === '' ? '' : ` (${discovered})`;
  return `${words[because] ?? because}${found}`;
}
