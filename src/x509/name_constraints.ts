/** Name constraints of a CA held against the names of a certificate below it (RFC 5280 section 4.2.1.10). */
import {
  commonNames,
  emailAttributes,
  type CertificateFields,
  type GeneralName,
  type NameConstraints,
} from './certificate';
import { canonicalDomain } from '../names';
import { printable } from '../text';
import type { ConstraintResult, NamesByKind, Position } from './constraint_result';
import { MalformedDer, children, soleElement } from './der';
import { comparableName } from './distinguished_name';
import type { WorkBudget } from './work_budget';

/**
 * Whether constraints let a certificate stand for `reference`, the name that a peer is asked for and that one of the
 * certificate's names matched (canonical form).
 *
 * A wildcard is not below a name that it covers, and so `checkNameConstraints` lets `*.bank.example` pass where
 * `mx.bank.example` is excluded. The certificate must not serve for that name all the same: Go, webpki and BoringSSL refuse
 * such a certificate altogether, OpenSSL lets it pass; here it serves for the names that are not excluded.
 *
 * @throws WorkBudgetSpent
 */
export function permitsReference(
  { permitted, excluded }: NameConstraints,
  reference: string,
  budget: WorkBudget,
): boolean {
  const name: GeneralName = { kind: 'dns', value: reference };
  // By what `*.example.com` must mean: the certificate's own name has already passed by what it says literally.
  const allowed = permitted.filter(isDns).map(meantSubtree);
  const forbidden = excluded.filter(isDns).map(exclusion);
  budget.spend('nameComparisons', subtreesWeight({ permitted, excluded }));
  return (
    (allowed.length === 0 || allowed.some((within) => within?.(reference, name) ?? false)) &&
    !forbidden.some((within) => within(reference, name))
  );
}

/** nameConstraints, 2.5.29.30, as certificates write it. */
const extensionId = Buffer.from('0603551d1e', 'hex');

/** Whether a certificate (DER) may hold name constraints, without reading it. */
export function mayConstrainNames(der: Uint8Array): boolean {
  return Buffer.from(der.buffer, der.byteOffset, der.length).includes(extensionId);
}

function isDns({ kind }: GeneralName): boolean {
  return kind === 'dns';
}

/**
 * Whether every name of `fields` may stand below a CA with these constraints. Found out once in a verification.
 *
 * @throws WorkBudgetSpent
 */
export function checkNameConstraints(
  constraints: NameConstraints,
  fields: CertificateFields,
  position: Position,
  budget: WorkBudget,
): ConstraintResult {
  return budget.constraintResults.get(constraints, fields, () => {
    try {
      return compareNames(constraints, fields, position, budget);
    } catch (error) {
      if (error instanceof MalformedDer) return { kind: 'malformed', text: error.message };
      throw error;
    }
  });
}

function compareNames(
  { permitted, excluded }: NameConstraints,
  fields: CertificateFields,
  position: Position,
  budget: WorkBudget,
): ConstraintResult {
  budget.spend('nameComparisons', permitted.length + excluded.length);
  const names = budget.constrainedNames.get(fields, position, () =>
    byKind(constrainedNames(fields, position)),
  );
  const allowed = byKind(permitted);
  const forbidden = byKind(excluded);
  for (const [kind, ofKind] of names) {
    const subtrees = { permitted: allowed.get(kind) ?? [], excluded: forbidden.get(kind) ?? [] };
    const weight = subtreesWeight(subtrees);
    if (weight === 0) continue;
    budget.spend('nameComparisons', ofKind.length * weight);
    const violating = ofKind.find(violationOf(subtrees));
    if (violating) return { kind: 'violated', name: nameText(violating) };
  }
  return { kind: 'allowed' };
}

/** Long names take longer to compare. */
function subtreesWeight({ permitted, excluded }: NameConstraints): number {
  return [...permitted, ...excluded].reduce(
    (sum, base) => sum + 1 + Math.floor((base.kind === 'other' ? 0 : base.value.length) / 64),
    0,
  );
}

function byKind(names: readonly GeneralName[]): NamesByKind {
  const found = new Map<string, GeneralName[]>();
  for (const name of names) {
    const kind = name.kind === 'other' ? `other ${name.tag}` : name.kind;
    const ofKind = found.get(kind);
    if (ofKind) ofKind.push(name);
    else found.set(kind, [name]);
  }
  return found;
}

/** The subjectAltName and the subject; of a leaf without DNS-ID also its common names, because usage 2 would accept them. */
function constrainedNames(fields: CertificateFields, position: Position): readonly GeneralName[] {
  const names: GeneralName[] = [...fields.subjectAltNames];
  if (children(soleElement(fields.subject)).length > 0) {
    names.push({ kind: 'directory', value: fields.subject });
  }
  for (const value of emailAttributes(fields.subject)) names.push({ kind: 'email', value });
  if (position === 'leaf' && !fields.subjectAltNames.some(({ kind }) => kind === 'dns')) {
    for (const value of commonNames(fields.subject))
      if (looksLikeHost(value)) names.push({ kind: 'dns', value });
  }
  return names;
}

/** A common name such as `Mail Service` is no host name, and no constraint on host names concerns it. */
function looksLikeHost(commonName: string): boolean {
  return /^[a-z0-9_*-]+(\.[a-z0-9_-]+)+$/i.test(commonName);
}

/** A test for names of the one kind that `permitted` and `excluded`, not both empty, are of. */
function violationOf({ permitted, excluded }: NameConstraints): (name: GeneralName) => boolean {
  const allowed = permitted.map(subtree);
  const forbidden = excluded.map(exclusion);
  return (name) => {
    if (name.kind === 'other' || (name.kind === 'uri' && !namesHost(name.value))) return true;
    const text = comparableText(name);
    const bare = withoutDot(text);
    return (
      (allowed.length > 0 && !allowed.some((within) => within(text, name))) ||
      forbidden.some((within) => within(bare, name))
    );
  };
}

/** Whether a name of the same kind, given with its comparable text, is in a subtree. */
type Subtree = (text: string, name: GeneralName) => boolean;

function subtree(base: GeneralName): Subtree {
  switch (base.kind) {
    case 'dns':
      return dnsSubtree(base.value.toLowerCase());
    case 'email':
      return emailSubtree(base.value);
    case 'uri':
      return hostSubtree(base.value.toLowerCase());
    case 'ip':
      return (_text, name) => name.kind === 'ip' && addressWithin(name.value, base.value);
    case 'directory': {
      const prefix = comparableName(base.value);
      return (text) => text.startsWith(prefix);
    }
    case 'other':
      return () => false;
  }
}

/**
 * What an excluded name excludes. CAs write it in ways that the RFC does not know (`bad.example.`, `*.bad.example`), and read
 * literally those exclude nothing. What cannot be understood excludes everything of its kind (RFC 5280 section 4.2.1.10: process a
 * constraint, or reject the certificate). A permitted name needs none of this: read literally it permits too little.
 */
function exclusion(base: GeneralName): Subtree {
  return meantSubtree(base) ?? everything;
}

/** A subtree as it must have been meant; `undefined` where that cannot be told. */
function meantSubtree(base: GeneralName): Subtree | undefined {
  switch (base.kind) {
    case 'dns': {
      const domain = meantDomain(base.value);
      return isDomainBase(domain) ? dnsSubtree(domain) : undefined;
    }
    case 'email': {
      const at = base.value.lastIndexOf('@');
      const domain = meantDomain(base.value.slice(at + 1));
      if (!isDomainBase(domain) || (at >= 0 && !/^[^.]/.test(domain))) return undefined;
      return emailSubtree(base.value.slice(0, at + 1) + domain);
    }
    case 'uri': {
      const domain = meantDomain(base.value);
      return isDomainBase(domain) ? hostSubtree(domain) : undefined;
    }
    case 'ip':
      return base.value.length === 8 || base.value.length === 32 ? subtree(base) : undefined;
    case 'directory':
    case 'other':
      return subtree(base);
  }
}

const everything: Subtree = () => true;

/** In lower case, without a dot at the end; `*.bad.example` is what is below, as a leading dot says it, and `*` is every name. */
function meantDomain(base: string): string {
  const domain = withoutDot(base.toLowerCase());
  return domain === '*' || domain.startsWith('*.') ? domain.slice(1) : domain;
}

function withoutDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** Nothing, or labels; with or without a dot before them. */
function isDomainBase(base: string): boolean {
  return /^(?:\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)?$/.test(base);
}

/** What of a name is compared, in the form in which it is. @throws MalformedDer */
function comparableText(name: GeneralName): string {
  switch (name.kind) {
    case 'dns':
      return name.value.toLowerCase();
    case 'email':
      return comparableMailbox(name.value);
    case 'uri':
      return uriHost(name.value).toLowerCase();
    case 'directory':
      return comparableName(name.value);
    case 'ip':
    case 'other':
      return '';
  }
}

/** The base itself and everything below it; a leading dot, which the RFC does not know for host names, leaves the base out. */
function dnsSubtree(domain: string): Subtree {
  if (domain === '') return everything;
  if (domain.startsWith('.')) return (host) => host.endsWith(domain);
  const below = `.${domain}`;
  return (host) => host === domain || host.endsWith(below);
}

/** A mailbox, a host, or with a leading dot a domain. */
function emailSubtree(base: string): Subtree {
  if (base.includes('@')) {
    const mailbox = comparableMailbox(base);
    return (address) => address === mailbox;
  }
  const domain = base.toLowerCase();
  if (domain === '') return () => true;
  const ending = domain.startsWith('.') ? domain : `@${domain}`;
  return (address) => address === domain || address.endsWith(ending);
}

/** The local part as it is, the domain in lower case. */
function comparableMailbox(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 0 ? address.toLowerCase() : address.slice(0, at) + address.slice(at).toLowerCase();
}

/** A host, or with a leading dot what is below a domain. */
function hostSubtree(base: string): Subtree {
  if (base === '') return () => true;
  return base.startsWith('.') ? (host) => host.endsWith(base) : (host) => host === base;
}

/** A URI without the name of a host is refused under any constraint (RFC 5280 section 4.2.1.10). */
function namesHost(uri: string): boolean {
  return canonicalDomain(uriHost(uri)) !== undefined;
}

function uriHost(uri: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:]*)/i.exec(uri)?.[1] ?? '';
}

/** RFC 5280 section 4.2.1.10: an address, and an address with a mask. */
function addressWithin(address: Uint8Array, base: Uint8Array): boolean {
  if ((address.length !== 4 && address.length !== 16) || base.length !== address.length * 2) return false;
  for (let index = 0; index < address.length; index++) {
    const mask = base[address.length + index] ?? 0;
    if ((((address[index] ?? 0) ^ (base[index] ?? 0)) & mask) !== 0) return false;
  }
  return true;
}

function nameText(name: GeneralName): string {
  switch (name.kind) {
    case 'dns':
    case 'email':
    case 'uri':
      return printable(name.value, 80);
    case 'ip':
      return `address ${Buffer.from(name.value.subarray(0, 16)).toString('hex')}`;
    case 'directory':
      return 'the subject';
    case 'other':
      return 'a name of another kind';
  }
}
