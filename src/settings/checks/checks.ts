/**
 * Every check, once. `tls-peers lint` runs all for which it can see what they look at; a Haraka that starts, or takes in a
 * change, runs those that its operator has to hear of in the log.
 */
import { certificateDirectory, namedCertificates } from './policy_certificates';
import { check, faults, warnings, type Check, type Finding, type Occasion, type Seen } from './check';
import { emptyFiles } from './domain_files';
import { lapsesIntoCleartext } from './exemptions';
import { fleetSecret, fleetServerThere, redisPlugin } from './fleet';
import { hostedPolicies, publishedTlsa } from './hosted_policies';
import { keysWithoutEffect, oldTlsToCleartext, versionBelowPkix } from './levels';
import { removedDomains, unreadableMemory } from './memory';
import { mixedResolvers } from './mixed_resolvers';
import { hostingNotLoaded, inboundNotLoaded, outboundNotLoaded, webNotLoaded } from './not_loaded';
import { nullEncryption } from './null_encryption';
import { handshakesThatCannotBegin, nothingToOffer } from './own_handshakes';
import { plantedBefore } from './plugin_order';
import { slowDecisions } from './plugin_timeout';
import { resolverPorts } from './resolver_ports';
import { resolverProbe } from './resolver_probe';
import { runningChecks } from './running_checks';
import { shadowedNetworks } from './shadowed_networks';
import { tlsSwitchedOff } from './tls_switched_off';
import { harakaHttp, webFaults } from './web';

const lint: readonly Occasion[] = ['lint'];

// prettier-ignore
export const checks: readonly Check[] = [
  // Haraka's own settings against the rules
  check({ name: 'TLS switched off', looksAt: 'files', at: lint, find: (files) => faults(tlsSwitchedOff(files)) }),
  check({ name: 'ciphers that do not encrypt', looksAt: 'files', at: lint, find: ({ source }) => faults(nullEncryption(source)) }),
  check({ name: 'handshakes that cannot begin', looksAt: 'files', at: lint, find: (files) => faults(handshakesThatCannotBegin(files)) }),
  check({ name: 'nothing to offer TLS with', looksAt: 'files', at: lint, find: (files) => warnings(nothingToOffer(files)) }),
  // the rules by themselves
  runningChecks.exemptionEnds,
  check({ name: 'exemptions that end in cleartext', looksAt: 'files', at: lint, find: (files) => warnings(lapsesIntoCleartext(files)) }),
  check({ name: 'cleartext instead of old TLS', looksAt: 'files', at: lint, find: (files) => warnings(oldTlsToCleartext(files)) }),
  check({ name: 'versions too old for PKIX', looksAt: 'files', at: lint, find: (files) => warnings(versionBelowPkix(files)) }),
  check({ name: 'keys without effect', looksAt: 'files', at: lint, find: (files) => warnings(keysWithoutEffect(files)) }),
  check({ name: 'networks that never apply', looksAt: 'files', at: lint, find: (files) => warnings(shadowedNetworks(files)) }),
  runningChecks.weakenedDefaults,
  // the rules in this Haraka
  check({ name: 'decisions slower than a hook', looksAt: 'files', at: lint, find: (files) => warnings(slowDecisions(files)) }),
  check({ name: 'outbound not loaded', looksAt: 'files', at: lint, find: (files) => warnings(outboundNotLoaded(files)) }),
  check({ name: 'inbound not loaded', looksAt: 'files', at: lint, find: (files) => warnings(inboundNotLoaded(files)) }),
  check({ name: 'hosting not loaded', looksAt: 'files', at: lint, find: (files) => warnings(hostingNotLoaded(files)) }),
  check({ name: 'plugins that would be first', looksAt: 'files', at: lint, find: (files) => warnings(plantedBefore(files)) }),
  runningChecks.bypassingPlugins,
  check({ name: 'mixed resolvers', looksAt: 'files', at: lint, find: (files) => warnings(mixedResolvers(files)) }),
  runningChecks.inboundConflicts,
  check({ name: 'who is let in to the page', looksAt: 'files', at: lint, find: (files) => faults(webFaults(files)) }),
  check({ name: "Haraka's http", looksAt: 'http', at: lint, find: harakaHttp }),
  check({ name: 'page not loaded', looksAt: 'files', at: lint, find: (files) => warnings(webNotLoaded(files)) }),
  check({ name: 'secret of the fleet', looksAt: 'files', at: lint, find: fleetSecret }),
  check({ name: 'redis as a plugin', looksAt: 'files', at: lint, find: (files) => warnings(redisPlugin(files)) }),
  // the files themselves
  check({ name: 'certificate files', looksAt: 'certificates', at: lint, find: namedCertificates }),
  check({ name: 'certificate directory', looksAt: 'certificates', at: lint, find: (view) => warnings(certificateDirectory(view)) }),
  check({ name: 'resolver ports', looksAt: 'files', at: lint, find: ({ source }) => warnings(resolverPorts(source)) }),
  check({ name: 'memory of files', looksAt: 'memory', at: lint, find: (view) => warnings(unreadableMemory(view)) }),
  check({ name: 'domains that were removed', looksAt: 'memory', at: lint, find: (view, files) => warnings(removedDomains(view, files)) }),
  runningChecks.strayFiles,
  check({ name: 'empty files', looksAt: 'files', at: lint, find: ({ source }) => warnings(emptyFiles(source)) }),
  // this machine
  check({ name: "Haraka's user", looksAt: 'access', at: lint, find: ({ user }) => user }),
  check({ name: 'directories', looksAt: 'access', at: lint, find: ({ directories }) => directories }),
  check({ name: 'keys', looksAt: 'access', at: lint, find: ({ keys }) => keys }),
  check({ name: 'ports', looksAt: 'access', at: lint, find: ({ ports }) => ports }),
  // what others answer
  check({ name: 'Redis of the fleet', looksAt: 'fleet', at: lint, find: (view) => warnings(fleetServerThere(view)) }),
  check({ name: 'resolver probe', looksAt: 'network', at: lint, find: (view, files) => warnings(resolverProbe(view, files)) }),
  check({ name: 'hosted policies', looksAt: 'network', at: lint, find: (view, files) => warnings(hostedPolicies(view, files)) }),
  check({ name: 'published TLSA records', looksAt: 'network', at: lint, find: (view, files) => warnings(publishedTlsa(view, files)) }),
];

/** What is found on this occasion, in the order of the checks. */
export function findingsAt(occasion: Occasion, seen: Seen): Finding[] {
  return checks.filter(({ at }) => at.includes(occasion)).flatMap(({ run }) => run(seen));
}
