/**
 * Every check, once. `tls-peers lint` runs all for which it can see what they look at; a Haraka that starts, or takes in a
 * change, runs those that its operator has to hear of in the log.
 */
import { bypassingPlugins } from './bypassing_plugins';
import { certificateDirectory, namedCertificates } from './policy_certificates';
import { check, faults, warnings, type Check, type Finding, type Occasion, type Seen } from './check';
import { emptyFiles, strayFiles } from './domain_files';
import { exemptionEnds, lapsesIntoCleartext } from './exemptions';
import { hostedPolicies, publishedTlsa } from './hosted_policies';
import { inboundConflicts } from './inbound_conflicts';
import { keysWithoutEffect, oldTlsToCleartext, versionBelowPkix } from './levels';
import { removedDomains, unreadableMemory } from './memory';
import { mixedResolvers } from './mixed_resolvers';
import { hostingNotLoaded, inboundNotLoaded, outboundNotLoaded, webNotLoaded } from './not_loaded';
import { nullEncryption } from './null_encryption';
import { handshakesThatCannotBegin, nothingToOffer } from './own_handshakes';
import { plantedBefore } from './plugin_order';
import { slowDecisions } from './plugin_timeout';
import { requireTlsUnkept } from './require_tls';
import { resolverPorts } from './resolver_ports';
import { resolverProbe } from './resolver_probe';
import { shadowedNetworks } from './shadowed_networks';
import { tlsSwitchedOff } from './tls_switched_off';
import { harakaHttp, webFaults } from './web';
import { weakenedDefaults } from './weakened_defaults';

const always: readonly Occasion[] = ['lint', 'start', 'reload'];
const lint: readonly Occasion[] = ['lint'];

// prettier-ignore
export const checks: readonly Check[] = [
  // Haraka's own settings against the rules
  check({ name: 'TLS switched off', looksAt: 'files', at: lint, find: (files) => faults(tlsSwitchedOff(files)) }),
  check({ name: 'ciphers that do not encrypt', looksAt: 'files', at: lint, find: ({ source }) => faults(nullEncryption(source)) }),
  check({ name: 'handshakes that cannot begin', looksAt: 'files', at: lint, find: (files) => faults(handshakesThatCannotBegin(files)) }),
  check({ name: 'nothing to offer TLS with', looksAt: 'files', at: lint, find: (files) => warnings(nothingToOffer(files)) }),
  // the rules by themselves
  check({ name: 'exemptions that end', looksAt: 'files', at: always, find: (files) => warnings(exemptionEnds(files)) }),
  check({ name: 'exemptions that end in cleartext', looksAt: 'files', at: lint, find: (files) => warnings(lapsesIntoCleartext(files)) }),
  check({ name: 'cleartext instead of old TLS', looksAt: 'files', at: lint, find: (files) => warnings(oldTlsToCleartext(files)) }),
  check({ name: 'versions too old for PKIX', looksAt: 'files', at: lint, find: (files) => warnings(versionBelowPkix(files)) }),
  check({ name: 'keys without effect', looksAt: 'files', at: lint, find: (files) => warnings(keysWithoutEffect(files)) }),
  check({ name: 'networks that never apply', looksAt: 'files', at: lint, find: (files) => warnings(shadowedNetworks(files)) }),
  check({ name: 'weakened defaults', looksAt: 'files', at: always, find: (files) => warnings(weakenedDefaults(files)) }),
  // the rules in this Haraka
  check({ name: 'decisions slower than a hook', looksAt: 'files', at: lint, find: (files) => warnings(slowDecisions(files)) }),
  check({ name: 'outbound not loaded', looksAt: 'files', at: lint, find: (files) => warnings(outboundNotLoaded(files)) }),
  check({ name: 'inbound not loaded', looksAt: 'files', at: lint, find: (files) => warnings(inboundNotLoaded(files)) }),
  check({ name: 'hosting not loaded', looksAt: 'files', at: lint, find: (files) => warnings(hostingNotLoaded(files)) }),
  check({ name: 'plugins that would be first', looksAt: 'files', at: lint, find: (files) => warnings(plantedBefore(files)) }),
  check({ name: 'bypassing plugins', looksAt: 'files', at: always, find: (files) => warnings(bypassingPlugins(files)) }),
  check({ name: 'REQUIRETLS that is not kept', looksAt: 'files', at: always, find: (files) => warnings(requireTlsUnkept(files)) }),
  check({ name: 'mixed resolvers', looksAt: 'files', at: lint, find: (files) => warnings(mixedResolvers(files)) }),
  check({ name: 'inbound conflicts', looksAt: 'files', at: always, find: (files) => warnings(inboundConflicts(files)) }),
  check({ name: 'who is let in to the page', looksAt: 'files', at: lint, find: (files) => faults(webFaults(files)) }),
  check({ name: "Haraka's http", looksAt: 'http', at: lint, find: harakaHttp }),
  check({ name: 'page not loaded', looksAt: 'files', at: lint, find: (files) => warnings(webNotLoaded(files)) }),
  // the files themselves
  check({ name: 'certificate files', looksAt: 'certificates', at: lint, find: namedCertificates }),
  check({ name: 'certificate directory', looksAt: 'certificates', at: lint, find: (view) => warnings(certificateDirectory(view)) }),
  check({ name: 'resolver ports', looksAt: 'files', at: lint, find: ({ source }) => warnings(resolverPorts(source)) }),
  check({ name: 'memory of files', looksAt: 'memory', at: lint, find: (view) => warnings(unreadableMemory(view)) }),
  check({ name: 'domains that were removed', looksAt: 'memory', at: lint, find: (view, files) => warnings(removedDomains(view, files)) }),
  check({ name: 'stray files', looksAt: 'files', at: always, find: ({ source }) => warnings(strayFiles(source)) }),
  check({ name: 'empty files', looksAt: 'files', at: lint, find: ({ source }) => warnings(emptyFiles(source)) }),
  // this machine
  check({ name: "Haraka's user", looksAt: 'access', at: lint, find: ({ user }) => user }),
  check({ name: 'directories', looksAt: 'access', at: lint, find: ({ directories }) => directories }),
  check({ name: 'keys', looksAt: 'access', at: lint, find: ({ keys }) => keys }),
  check({ name: 'ports', looksAt: 'access', at: lint, find: ({ ports }) => ports }),
  // what others answer
  check({ name: 'resolver probe', looksAt: 'network', at: lint, find: (view, files) => warnings(resolverProbe(view, files)) }),
  check({ name: 'hosted policies', looksAt: 'network', at: lint, find: (view, files) => warnings(hostedPolicies(view, files)) }),
  check({ name: 'published TLSA records', looksAt: 'network', at: lint, find: (view, files) => warnings(publishedTlsa(view, files)) }),
];

/** What is found on this occasion, in the order of the checks. */
export function findingsAt(occasion: Occasion, seen: Seen): Finding[] {
  return checks.filter(({ at }) => at.includes(occasion)).flatMap(({ run }) => run(seen));
}
