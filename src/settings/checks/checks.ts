/** Every check, once: `tls-peers lint` runs all for which it can see what they look at. */
import { certificateDirectory, namedCertificates } from './policy_certificates';
import { check, faults, warnings, type Check, type Finding, type Seen } from './check';
import { emptyFiles } from './domain_files';
import { lapsesIntoCleartext } from './exemptions';
import { fleetSecret, fleetServerThere, redisPlugin } from './fleet';
import { hostedPolicies, publishedTlsa } from './hosted_policies';
import { keysWithoutEffect, oldTlsToCleartext, versionBelowPkix } from './levels';
import { logged } from './logged';
import { removedDomains, unreadableMemory } from './memory';
import { mixedResolvers } from './mixed_resolvers';
import {
  hostingNotLoaded,
  inboundNotLoaded,
  outboundNotLoaded,
  reportsNotLoaded,
  webNotLoaded,
} from './not_loaded';
import { nullEncryption } from './null_encryption';
import { handshakesThatCannotBegin, nothingToOffer } from './own_handshakes';
import { plantedBefore } from './plugin_order';
import { slowDecisions } from './plugin_timeout';
import { resolverPorts } from './resolver_ports';
import { resolverProbe } from './resolver_probe';
import { shadowedNetworks } from './shadowed_networks';
import { tlsSwitchedOff } from './tls_switched_off';
import { harakaHttp, webFaults } from './web';

// prettier-ignore
export const checks: readonly Check[] = [
  // Haraka's own settings against the rules
  check({ name: 'TLS switched off', looksAt: 'files', find: (files) => faults(tlsSwitchedOff(files)) }),
  check({ name: 'ciphers that do not encrypt', looksAt: 'files', find: ({ source }) => faults(nullEncryption(source)) }),
  check({ name: 'handshakes that cannot begin', looksAt: 'files', find: (files) => faults(handshakesThatCannotBegin(files)) }),
  check({ name: 'nothing to offer TLS with', looksAt: 'files', find: (files) => warnings(nothingToOffer(files)) }),
  // the rules by themselves
  logged.exemptionEnds,
  check({ name: 'exemptions that end in cleartext', looksAt: 'files', find: (files) => warnings(lapsesIntoCleartext(files)) }),
  check({ name: 'cleartext instead of old TLS', looksAt: 'files', find: (files) => warnings(oldTlsToCleartext(files)) }),
  check({ name: 'versions too old for PKIX', looksAt: 'files', find: (files) => warnings(versionBelowPkix(files)) }),
  check({ name: 'keys without effect', looksAt: 'files', find: (files) => warnings(keysWithoutEffect(files)) }),
  check({ name: 'networks that never apply', looksAt: 'files', find: (files) => warnings(shadowedNetworks(files)) }),
  logged.weakenedDefaults,
  // the rules in this Haraka
  check({ name: 'decisions slower than a hook', looksAt: 'files', find: (files) => warnings(slowDecisions(files)) }),
  check({ name: 'outbound not loaded', looksAt: 'files', find: (files) => warnings(outboundNotLoaded(files)) }),
  check({ name: 'inbound not loaded', looksAt: 'files', find: (files) => warnings(inboundNotLoaded(files)) }),
  check({ name: 'hosting not loaded', looksAt: 'files', find: (files) => warnings(hostingNotLoaded(files)) }),
  check({ name: 'plugins that would be first', looksAt: 'files', find: (files) => warnings(plantedBefore(files)) }),
  logged.bypassingPlugins,
  logged.requireTlsUnkept,
  check({ name: 'mixed resolvers', looksAt: 'files', find: (files) => warnings(mixedResolvers(files)) }),
  logged.inboundConflicts,
  check({ name: 'who is let in to the page', looksAt: 'files', find: (files) => faults(webFaults(files)) }),
  check({ name: "Haraka's http", looksAt: 'http', find: harakaHttp }),
  check({ name: 'page not loaded', looksAt: 'files', find: (files) => warnings(webNotLoaded(files)) }),
  check({ name: 'secret of the fleet', looksAt: 'files', find: fleetSecret }),
  check({ name: 'redis as a plugin', looksAt: 'files', find: (files) => warnings(redisPlugin(files)) }),
  logged.tlsReportsInPart,
  check({ name: 'reports not loaded', looksAt: 'files', find: (files) => warnings(reportsNotLoaded(files)) }),
  // the files themselves
  check({ name: 'certificate files', looksAt: 'certificates', find: namedCertificates }),
  check({ name: 'certificate directory', looksAt: 'certificates', find: (view) => warnings(certificateDirectory(view)) }),
  check({ name: 'resolver ports', looksAt: 'files', find: ({ source }) => warnings(resolverPorts(source)) }),
  check({ name: 'memory of files', looksAt: 'memory', find: (view) => warnings(unreadableMemory(view)) }),
  check({ name: 'domains that were removed', looksAt: 'memory', find: (view, files) => warnings(removedDomains(view, files)) }),
  logged.strayFiles,
  check({ name: 'empty files', looksAt: 'files', find: ({ source }) => warnings(emptyFiles(source)) }),
  // this machine
  check({ name: "Haraka's user", looksAt: 'access', find: ({ user }) => user }),
  check({ name: 'directories', looksAt: 'access', find: ({ directories }) => directories }),
  check({ name: 'keys', looksAt: 'access', find: ({ keys }) => keys }),
  check({ name: 'ports', looksAt: 'access', find: ({ ports }) => ports }),
  // what others answer
  check({ name: 'Redis of the fleet', looksAt: 'fleet', find: (view) => warnings(fleetServerThere(view)) }),
  check({ name: 'resolver probe', looksAt: 'network', find: (view, files) => warnings(resolverProbe(view, files)) }),
  check({ name: 'hosted policies', looksAt: 'network', find: (view, files) => warnings(hostedPolicies(view, files)) }),
  check({ name: 'published TLSA records', looksAt: 'network', find: (view, files) => warnings(publishedTlsa(view, files)) }),
];

/** What is found, in the order of the checks. */
export function allFindings(seen: Seen): Finding[] {
  return checks.flatMap(({ run }) => run(seen));
}
