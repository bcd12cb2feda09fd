/** What Haraka's own TLS settings make of a decision, as a guarded delivery heeds them. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { isListed } from '../delivery/host_list';
import { withHarakaTls, type HarakaTerms } from '../policy/haraka_tls';
import type { Decision, HostPlan } from '../policy/requirement';
import type { HarakaTls } from '../settings/haraka/outbound_tls';
import { printable } from '../text';
import { whyNoHandshake } from '../tls/own_terms';

type Deliver = Extract<Decision, { kind: 'deliver' }>;

/**
 * `force_tls_hosts` counts where it is stricter than the rule, `no_tls_hosts` and `enable_tls = false` where the rule
 * allows cleartext. Host lists may name single addresses, so a host can come back in several parts.
 */
export function asHarakaDelivers(decision: Decision, haraka: HarakaTls, domain: string): Decision {
  if (decision.kind !== 'deliver') return decision;
  const parts = decision.hosts.flatMap((plan) => partsOf(plan, haraka, domain));
  return {
    ...decision,
    hosts: parts.flatMap((part) => (part.kind === 'planned' ? [part.plan] : [])),
    refused: [...decision.refused, ...refusedOnce(parts)],
  };
}

type Part =
  | { readonly kind: 'planned'; readonly plan: HostPlan }
  | { readonly kind: 'refused'; readonly refused: Deliver['refused'][number] };

/** The addresses of a host in their order, those together that follow each other and have the same terms. */
function partsOf(plan: HostPlan, haraka: HarakaTls, domain: string): Part[] {
  const runs: { readonly terms: HarakaTerms; readonly addresses: string[] }[] = [];
  // The routing has the addresses.
  if (plan.addresses.length === 0) {
    runs.push({ terms: termsOf(plan, haraka, [plan.host, domain]), addresses: [] });
  }
  for (const address of plan.addresses) {
    const terms = termsOf(plan, haraka, [address, plan.host, domain]);
    const last = runs.at(-1);
    if (last !== undefined && isDeepStrictEqual(last.terms, terms)) last.addresses.push(address);
    else runs.push({ terms, addresses: [address] });
  }
  const { host, discovered } = plan;
  return runs.map(({ terms, addresses }): Part => {
    switch (terms.kind) {
      case 'held_to':
        return { kind: 'planned', plan: { ...plan, addresses, requirement: terms.requirement } };
      case 'in_cleartext': {
        const requirement = { kind: 'cleartext', because: terms.because } as const;
        return { kind: 'planned', plan: { ...plan, addresses, requirement } };
      }
      case 'refused':
        return { kind: 'refused', refused: { host, failure: terms.failure, discovered } };
    }
  });
}

function refusedOnce(parts: readonly Part[]): Deliver['refused'] {
  const refused = parts.flatMap((part) => (part.kind === 'refused' ? [part.refused] : []));
  return refused.filter(({ host }, index) => refused.findIndex((one) => one.host === host) === index);
}

/** @param names the address, the host and the recipient domain: what Haraka looks for in its host lists */
function termsOf(plan: HostPlan, haraka: HarakaTls, names: readonly string[]): HarakaTerms {
  const isOn = (list: readonly string[]) => names.some((name) => isListed(list, name));
  return withHarakaTls(plan.requirement, plan.host, {
    enabled: haraka.enabled,
    forced: () => isOn(haraka.forceTlsHosts),
    exempt: () => isOn(haraka.noTlsHosts),
  });
}

/** What else of tls.ini takes part in every handshake, one line each. */
export function handshakeRemarks({ options, certificateByHost }: HarakaTls): string[] {
  const { minVersion, maxVersion, ciphers, key, cert } = options;
  const why = whyNoHandshake({ ...options }, 'TLSv1.2');
  return [
    ...(why === undefined
      ? []
      : [
          `tls.ini: no handshake can be begun (${why}): mail that must be encrypted waits, and other mail goes in cleartext`,
        ]),
    ...(minVersion === undefined
      ? []
      : [`tls.ini: minVersion = ${minVersion} counts where it is above what the rule asks for`]),
    ...(maxVersion === undefined ? [] : [`tls.ini: maxVersion = ${maxVersion}`]),
    ...(ciphers === undefined ? [] : [`tls.ini: ciphers = ${ciphers}`]),
    ...(key === undefined || cert === undefined
      ? []
      : ['tls.ini: hosts that ask for a client certificate are shown the one of key and cert']),
    ...(certificateByHost === 'no'
      ? []
      : ['tls.ini: mutual_tls and mutual_auth_hosts are not imitated: no certificate is chosen by host']),
  ].map((line) => printable(line));
}
