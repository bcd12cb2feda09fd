/** Keys that do something else at a level than they seem to. Pure. */
import { encryptedLevels } from '../../peers/cleartext';
import type { SecurityLevel } from '../../peers/rule';
import { standing } from '../../peers/section';
import type { Fault } from '../schema/fault';
import type { FilesView } from './check';
import { atSection, onceEach } from './section_fault';
import { everyOutboundRule, type RuledSection } from './written_rules';

/** A peer whose best is old TLS would be sent cleartext, which is worse than old TLS. */
export function oldTlsToCleartext(files: FilesView): Fault[] {
  return ofEachRule(files, ({ section, rule }) => {
    const strictVersion = rule.minTlsVersion === '1.2' || rule.minTlsVersion === '1.3';
    if (encryptedLevels.has(rule.level) || rule.level === 'none' || !strictVersion) return [];
    if (rule.cleartextFallback !== 'handshake_failure') return [];
    const key = ['min_tls_version', 'security_level', 'cleartext_fallback'].find(
      (one) => one in section.values,
    );
    if (key === undefined) return [];
    const problem =
      `at ${rule.level}, a peer without TLS ${rule.minTlsVersion} gets cleartext instead of older TLS; ` +
      'leave min_tls_version out, or set cleartext_fallback';
    return [atSection(section, problem, key)];
  });
}

/** Certificates are not checked by PKIX below TLS 1.2, since that takes a lower security level of OpenSSL. */
export function versionBelowPkix(files: FilesView): Fault[] {
  return ofEachRule(files, ({ section, rule }) => {
    const old = ['none', '1.0', '1.1'].includes(rule.minTlsVersion);
    if (!old || !['verify', 'mta_sts'].includes(rule.level)) return [];
    const key = ['min_tls_version', 'security_level'].find((one) => one in section.values);
    if (key === undefined) return [];
    const problem = `at ${rule.level}, verified connections need TLS 1.2 whatever min_tls_version says`;
    return [atSection(section, problem, key)];
  });
}

const dane: readonly SecurityLevel[] = ['opportunistic_dane', 'mandatory_dane', 'auto'];
const usesRoots: readonly SecurityLevel[] = ['verify', 'mta_sts', 'auto'];
const allowsCleartext: readonly SecurityLevel[] = ['opportunistic', 'opportunistic_dane', 'mta_sts', 'auto'];

/** The levels at which a key means something. */
const levelsOfKey: Readonly<Record<string, readonly SecurityLevel[]>> = {
  match: ['verify'],
  fingerprints: ['verify'],
  insecure_mx: dane,
  ca_file: usesRoots,
  cleartext_fallback: allowsCleartext,
};

/** Only at peers: what a default sets may be meant for peers of another level. */
export function keysWithoutEffect(files: FilesView): Fault[] {
  return ofEachRule(files, ({ section, rule, place }) => {
    if (place === 'default') return [];
    // With the default of another domain it may have one.
    if (place === 'shared' && section.values.security_level === undefined) return [];
    return Object.entries(levelsOfKey)
      .filter(([key, levels]) => key in section.values && !levels.includes(rule.level))
      .map(([key]) => atSection(section, `has no effect at ${rule.level}`, key));
  });
}

function ofEachRule({ settings, today }: FilesView, find: (one: RuledSection) => Fault[]): Fault[] {
  const found = [...everyOutboundRule(settings, today)].flatMap((one) =>
    standing(one.section, today) === 'applies' ? find(one) : [],
  );
  return onceEach(found);
}
