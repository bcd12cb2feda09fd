/** Name constraints of a CA held against the names of a certificate below it (RFC 5280 section 4.2.1.10). */
import { commonNames, emailAttributes } from './certificate';
import type { CertificateFields, GeneralName, NameConstraints } from './certificate';
import { children, soleElement } from './der';
import { isWithinDirectory } from './distinguished_name';

export type ConstraintResult =
  | { readonly kind: 'allowed' }
  /** `name` is not permitted, is excluded, or is of a kind that is constrained in a way not understood. */
  | { readonly kind: 'violated'; readonly name: string };

/** Whether every name of `fields` may stand below a CA with these constraints. `leaf`: the common name may serve as a name too. */
export function checkNameConstraints(
  constraints: NameConstraints,
  fields: CertificateFields,
  position: 'leaf' | 'ca',
): ConstraintResult {
  for (const name of constrainedNames(fields, position)) {
    if (violates(name, constraints)) return { kind: 'violated', name: nameText(name) };
  }
  return { kind: 'allowed' };
}

/** The subjectAltName and the subject; of a leaf without DNS-ID also its common names, because usage 2 would accept them. */
function constrainedNames(fields: CertificateFields, position: 'leaf' | 'ca'): readonly GeneralName[] {
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

function violates(name: GeneralName, { permitted, excluded }: NameConstraints): boolean {
  const allowed = permitted.filter((base) => sameKind(base, name));
  const forbidden = excluded.filter((base) => sameKind(base, name));
  if (name.kind === 'other') return allowed.length > 0 || forbidden.length > 0;
  return (
    (allowed.length > 0 && !allowed.some((base) => within(name, base))) ||
    forbidden.some((base) => within(name, base))
  );
}

function sameKind(base: GeneralName, name: GeneralName): boolean {
  return base.kind === 'other' && name.kind === 'other' ? base.tag === name.tag : base.kind === name.kind;
}

function within(name: GeneralName, base: GeneralName): boolean {
  if (name.kind === 'dns' && base.kind === 'dns') return dnsWithin(name.value, base.value);
  if (name.kind === 'email' && base.kind === 'email') return emailWithin(name.value, base.value);
  if (name.kind === 'uri' && base.kind === 'uri') return hostWithin(uriHost(name.value), base.value);
  if (name.kind === 'ip' && base.kind === 'ip') return addressWithin(name.value, base.value);
  if (name.kind === 'directory' && base.kind === 'directory')
    return isWithinDirectory(name.value, base.value);
  return false;
}

/** The base itself and everything below it; a leading dot, which the RFC does not know for host names, leaves the base out. */
function dnsWithin(name: string, base: string): boolean {
  const host = name.toLowerCase();
  const domain = base.toLowerCase();
  if (domain === '') return true;
  return domain.startsWith('.') ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`);
}

/** A mailbox, a host, or with a leading dot a domain. */
function emailWithin(address: string, base: string): boolean {
  const at = address.lastIndexOf('@');
  if (base.includes('@')) {
    const baseAt = base.lastIndexOf('@');
    return (
      address.slice(0, at) === base.slice(0, baseAt) &&
      address.slice(at).toLowerCase() === base.slice(baseAt).toLowerCase()
    );
  }
  return hostWithin(address.slice(at + 1), base);
}

/** A host, or with a leading dot what is below a domain. */
function hostWithin(host: string, base: string): boolean {
  const [have, want] = [host.toLowerCase(), base.toLowerCase()];
  return want === '' || (want.startsWith('.') ? have.endsWith(want) : have === want);
}

function uriHost(uri: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:]*)/i.exec(uri)?.[1] ?? '';
}

function addressWithin(address: Uint8Array, base: Uint8Array): boolean {
  if (base.length !== address.length * 2) return false;
  return address.every(
    (octet, index) => ((octet ^ (base[index] ?? 0)) & (base[address.length + index] ?? 0)) === 0,
  );
}

function nameText(name: GeneralName): string {
  switch (name.kind) {
    case 'dns':
    case 'email':
    case 'uri':
      return name.value;
    case 'ip':
      return `address ${Buffer.from(name.value).toString('hex')}`;
    case 'directory':
      return 'the subject';
    case 'other':
      return 'a name of another kind';
  }
}
