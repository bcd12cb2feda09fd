/** `enforcement = monitor`: deliver at the opportunistic level, and record what would have failed. */
import type { Failure } from '../failure';
import type { EncryptedRequirement, HostPlan, Requirement } from './requirement';

type Terms =
  | Pick<HostPlan, 'requirement' | 'discovered' | 'recorded'>
  | { readonly failure: Failure; readonly discovered: string };

export function monitored(
  terms: Terms,
  serverName: string | undefined,
): Pick<HostPlan, 'requirement' | 'discovered' | 'recorded'> {
  const { discovered } = terms;
  if ('failure' in terms) {
    return { requirement: watching(undefined, serverName), discovered, recorded: [terms.failure] };
  }
  return { requirement: loosened(terms.requirement, serverName), discovered, recorded: terms.recorded };
}

function loosened(requirement: Requirement, serverName: string | undefined): Requirement {
  switch (requirement.kind) {
    case 'cleartext':
      return requirement;
    case 'encrypted':
      return watching(requirement, requirement.serverName);
    case 'opportunistic':
      // What refuses cleartext or old TLS here is watched as well, so that its effect is known before it is enforced.
      return watching(
        requirement.observe === undefined && requirement.cleartextFallback === 'never'
          ? { ...requirement, kind: 'encrypted', authentication: { kind: 'none' } }
          : requirement.observe,
        serverName,
      );
  }
}

function watching(observe: EncryptedRequirement | undefined, serverName: string | undefined): Requirement {
  return {
    kind: 'opportunistic',
    minVersion: 'TLSv1',
    cleartextFallback: 'handshake_failure',
    serverName,
    observe,
    because: 'monitor',
  };
}
