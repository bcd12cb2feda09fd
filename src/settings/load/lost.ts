/** What is said of rules that vanished. Pure. */
import type { Day } from '../../peers/day';
import { inboundRule, outboundRule } from '../../peers/rules';
import type { Fault } from '../schema/fault';
import type { Settings } from '../schema/types';
import { lostDomains, type Found, type Recollection } from './remembered';
import { domainDirectory, globalFile } from './source';

export const acceptRemoval = 'tls-peers lint --accept-removal';
const accept = `or accept that with ${acceptRemoval}`;

/** The fault of the global file where its rules are lost. */
export function lostGlobalFile(found: Found): Fault {
  return lostFile(globalFile, found.global === 'absent' ? 'absent' : 'blank');
}

/** The fault of one managed domain whose rules are lost. */
export function lostDomain(domain: string, found: Found): Fault {
  return lostFile(fileOf(domain), isThere(domain, found) ? 'blank' : 'absent');
}

function lostFile(file: string, presence: 'absent' | 'blank'): Fault {
  const problem =
    presence === 'absent'
      ? `is gone: put it back, ${accept}`
      : `is empty, and was not: put back what it held, or write a comment into it if that is meant`;
  return { file, problem };
}

const domainsNamed = 5;

/** The faults of everything that is lost; where many files are gone, they are told in one. */
export function lostFaults(recollection: Recollection, found: Found): Fault[] {
  if (recollection.kind === 'nothing') return [];
  if (recollection.kind === 'unknown') {
    const { file, problem } = recollection;
    const consequence = 'whether rules have vanished cannot be told';
    return [{ file, problem: `${problem}: ${consequence}; mend it, ${accept}` }];
  }
  const { remembered } = recollection;
  const lost = lostDomains(remembered);
  const gone = lost.filter((domain) => !isThere(domain, found));
  const empty = lost.filter((domain) => isThere(domain, found));
  return [
    ...(remembered.global === 'lost' ? [lostGlobalFile(found)] : []),
    ...(gone.length > 1 ? [lostFiles(gone)] : gone.map((domain) => lostDomain(domain, found))),
    ...empty.map((domain) => lostDomain(domain, found)),
  ];
}

function lostFiles(domains: readonly string[]): Fault {
  const others = domains.length - domainsNamed;
  const named = `${domains.slice(0, domainsNamed).join(', ')}${others > 0 ? ` and ${others} more` : ''}`;
  const problem = `the files of ${named} are gone: put them back, ${accept}`;
  return { file: `${domainDirectory}/`, problem };
}

function isThere(domain: string, { domains }: Found): boolean {
  return domains !== 'unlisted' && domains.has(domain);
}

export function fileOf(domain: string): string {
  return `${domainDirectory}/${domain}.ini`;
}

/** What mail of a domain that is no longer managed is held to, for the log. */
export function afterRemoval(settings: Settings, domain: string, today: Day): string {
  const outbound = outboundRule(settings, domain, '', today);
  const inbound = inboundRule(settings, domain, { ip: '', senderDomain: '' }, today);
  const held = (found: typeof outbound | typeof inbound) =>
    found.kind === 'rule' ? `${found.rule.name}, ${found.rule.level}` : found.failure.text;
  return (
    `${domain} is not managed any more, its file was removed: mail from it is now held to ${held(outbound)}; ` +
    `mail to it to ${held(inbound)}`
  );
}
