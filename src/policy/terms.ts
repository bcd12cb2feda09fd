/** Writes down what is asked of one host: the requirements that the cells of the tables stand for. Pure. */
import type { Failure } from '../failure';
import type { OutboundRule } from '../peers/rule';
import { minimumVersion } from './minimum_version';
import type {
  Authentication,
  Because,
  EncryptedRequirement,
  OpportunisticRequirement,
  PkixAuthentication,
  Requirement,
} from './requirement';
import { sniOf } from './sni';

/** What is asked of one host, before its addresses are looked at. `discovered` is for people. */
export type Terms =
  | {
      readonly kind: 'requirement';
      readonly requirement: Requirement;
      readonly discovered: string;
      readonly recorded: readonly Failure[];
    }
  | { readonly kind: 'refused'; readonly failure: Failure; readonly discovered: string };

const nothing: readonly Failure[] = [];

/** @param recorded failures that are known already, and stop nothing */
export function accepted(
  requirement: Requirement,
  discovered: string,
  recorded: readonly Failure[] = nothing,
): Terms {
  return { kind: 'requirement', requirement, discovered, recorded };
}

export function refused(failure: Failure, discovered: string): Terms {
  return { kind: 'refused', failure, discovered };
}

/** TLS if it works. What does not meet `observe` is recorded. */
export function opportunistic(
  rule: OutboundRule,
  host: string,
  because: Because,
  observe?: EncryptedRequirement,
): OpportunisticRequirement {
  return {
    kind: 'opportunistic',
    minVersion: minimumVersion(rule.minTlsVersion, 'opportunistic'),
    cleartextFallback: rule.cleartextFallback,
    serverName: sniOf(host),
    observe,
    because,
  };
}

/** What an encrypted connection must show, why, and what else is held against it. */
export interface Asked {
  readonly because: Because;
  readonly authentication: Authentication;
  readonly observe?: EncryptedRequirement;
}

export function encrypted(rule: OutboundRule, host: string, asked: Asked): EncryptedRequirement {
  const { authentication } = asked;
  return {
    kind: 'encrypted',
    minVersion: minimumVersion(rule.minTlsVersion, authentication.kind),
    authentication,
    serverName: 'dane' in authentication ? authentication.dane.baseDomain : sniOf(host),
    observe: asked.observe,
    because: asked.because,
  };
}

export const unauthenticated: Authentication = { kind: 'none' };

/** A certificate from a trusted CA for the name of the MX host (RFC 8461 section 4.1). */
export function pkixFor(rule: OutboundRule, host: string): PkixAuthentication {
  return { names: [host], subdomains: [], extraRoots: rule.extraRoots };
}
