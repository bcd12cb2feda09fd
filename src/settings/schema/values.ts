/** The types of values that settings have: what is accepted, and what it becomes. */
import { insideBrackets } from '../../address_literal';
import { plainMailAddress } from '../../mail_address';
import { canonicalDomain } from '../../names';
import { parseDay, type Day } from '../../peers/day';
import { formatAddress, parseAddress, parseNetwork, plainAddress, type Network } from '../../peers/network';
import type { NameMatch } from '../../peers/rule';
import { printable } from '../../text';
import { closest } from './closest';

export type Reading<T> =
  | { readonly kind: 'value'; readonly value: T }
  /** `further`: what else is wrong, with other members of a list. */
  | (Wrong & { readonly kind: 'wrong'; readonly further: readonly Wrong[] });

export interface Wrong {
  readonly problem: string;
  /** What was probably meant, where something is close. */
  readonly suggestion?: string | undefined;
}

export interface ValueType<T> {
  /** For the reference page and for faults. */
  readonly allowed: string;
  /** `list`: takes `key[] = one` on several lines, or several values on one line. */
  readonly arity: 'one' | 'list';
  read(text: string): Reading<T>;
}

function value<T>(of: T): Reading<T> {
  return { kind: 'value', value: of };
}

function wrong<T>(problem: string, suggestion?: string): Reading<T> {
  return { kind: 'wrong', problem, suggestion, further: [] };
}

/** One of a few words; `synonyms` are accepted as well and mean one of them. */
export function choice<const T extends string>(
  options: readonly T[],
  synonyms: Readonly<Record<string, T>> = {},
): ValueType<T> {
  const also = Object.keys(synonyms);
  return {
    allowed: [...options, ...also].join(', '),
    arity: 'one',
    read(text) {
      const word = text.toLowerCase();
      const found = options.find((option) => option === word) ?? own(synonyms, word);
      return found === undefined
        ? wrong('no such value', closest(text, [...options, ...also]))
        : value(found);
    },
  };
}

/** TLS versions as others write them (`TLSv1.2`). What is no version is never taken for a lower one. */
export function tlsVersionChoice<const T extends string>(versions: readonly T[]): ValueType<T> {
  const plain = choice(versions);
  return {
    ...plain,
    read(text) {
      const reading = plain.read(text);
      if (reading.kind === 'value' || !/\d/.test(text)) return reading;
      const number = /^(?:tls)?[\s_]*v?[\s_]*(\d\.\d)0*\+?$/i.exec(text)?.[1] ?? '';
      return wrong(
        'no such value',
        versions.find((version) => version === number),
      );
    },
  };
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

const truth: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  enabled: true,
  false: false,
  no: false,
  off: false,
  disabled: false,
};

/** A word for yes or no. haraka-config would read a misspelt one as false without a sound. */
export const flag: ValueType<boolean> = {
  allowed: 'true, false',
  arity: 'one',
  read(text) {
    const found = own(truth, text.toLowerCase());
    return found === undefined
      ? wrong('neither true nor false', closest(text, Object.keys(truth)))
      : value(found);
  },
};

/** A whole number within bounds. */
export function integer(min: number, max: number, unit = ''): ValueType<number> {
  const allowed = `a whole number from ${min} to ${max}${unit === '' ? '' : ` (${unit})`}`;
  return {
    allowed,
    arity: 'one',
    read(text) {
      if (!/^\d{1,15}$/.test(text)) return wrong('no whole number');
      const number = Number(text);
      return number < min || number > max ? wrong('out of range') : value(number);
    },
  };
}

/** A duration in seconds. */
export function seconds(min: number, max: number): ValueType<number> {
  return integer(min, max, 'seconds');
}

export const text: ValueType<string> = { allowed: 'any text', arity: 'one', read: (of) => value(of) };

/** A file or directory on this host. */
export const filePath: ValueType<string> = { ...text, allowed: 'a path' };

/** A day as `YYYY-MM-DD`. */
export const day: ValueType<Day> = {
  allowed: 'a day such as 2026-12-31',
  arity: 'one',
  read(of) {
    const read = parseDay(of);
    return read === undefined ? wrong('no day of the calendar') : value(read);
  },
};

/** Several values, separated by commas or spaces, or as `key[]` on several lines. */
export function list<T>(item: ValueType<T>, allowed = `a list of: ${item.allowed}`): ValueType<readonly T[]> {
  return {
    allowed,
    arity: 'list',
    read(of) {
      const out: T[] = [];
      const bad: Wrong[] = [];
      for (const part of of.split(/[\s,]+/).filter((word) => word !== '')) {
        const read = item.read(part);
        if (read.kind === 'value') out.push(read.value);
        else bad.push({ problem: `${printable(part)}: ${read.problem}`, suggestion: read.suggestion });
      }
      const [first, ...further] = bad;
      if (first !== undefined) return { kind: 'wrong', ...first, further };
      return out.length === 0 ? wrong('an empty list') : value(Object.freeze(out));
    },
  };
}

/** A domain name, in any script. */
export const domain: ValueType<string> = {
  allowed: 'a domain name',
  arity: 'one',
  read(of) {
    const name = canonicalDomain(of);
    return name === undefined ? wrong('no domain name') : value(name);
  },
};

/** `local@domain`, the domain in canonical form. */
export const mailAddress: ValueType<string> = {
  allowed: 'an address such as tls-reports@example.com',
  arity: 'one',
  read(of) {
    const address = plainMailAddress(of);
    return address === undefined ? wrong('no address') : value(address);
  },
};

/** A name to ask the resolver for; the root is `.`. */
export const queryName: ValueType<string> = {
  allowed: 'a domain name, or . for the root',
  arity: 'one',
  read: (of) => (of === '.' ? value('.') : domain.read(of)),
};

/** A host name, or `*.` and a domain for every name with one more label (RFC 8461 section 3.2). */
export const mxPattern: ValueType<string> = {
  allowed: 'a host name, or *. and a domain',
  arity: 'one',
  read(of) {
    const wildcard = of.startsWith('*.');
    const name = canonicalDomain(wildcard ? of.slice(2) : of);
    return name === undefined ? wrong('no host name') : value(wildcard ? `*.${name}` : name);
  },
};

/** A plugin as config/plugins names it, a host or an address. The port of a route is the plugin's affair. */
export const routeName: ValueType<string> = {
  allowed: 'the name of a plugin, a host name, or an address',
  arity: 'one',
  read(of) {
    const bare = insideBrackets(of) ?? of;
    if (parseAddress(bare) !== undefined) return value(plainAddress(bare));
    const plugin = of.replace(/^haraka-plugin-/, '');
    if (/^[\w.-]+(?:\/[\w.-]+)*$/.test(plugin)) return value(plugin);
    const name = canonicalDomain(of);
    if (name !== undefined) return value(name);
    const host = /^(?:[a-z]+:\/\/)?(?:[^@/]*@)?([\w.-]+)(?::\d+)?\/?$/i.exec(of)?.[1] ?? '';
    return wrong('neither a plugin nor a host', canonicalDomain(host));
  },
};

/** What a certificate's names are held against at `verify`. */
export const nameMatch: ValueType<NameMatch> = {
  allowed: 'hostname, nexthop, dot-nexthop, a name, or *. and a domain',
  arity: 'one',
  read(of) {
    const word = of.toLowerCase();
    if (word === 'hostname' || word === 'nexthop' || word === 'dot-nexthop') return value({ kind: word });
    const below = /^\*?\.(.+)$/.exec(of)?.[1];
    const name = canonicalDomain(below ?? of);
    // A name without a dot is rather one of the words above, misspelt.
    if (name === undefined || !name.includes('.')) {
      return wrong('no name to match', closest(of, ['hostname', 'nexthop', 'dot-nexthop']));
    }
    return value(below === undefined ? { kind: 'name', name } : { kind: 'subdomains', domain: name });
  },
};

/** SHA-256 of a certificate, as openssl prints it or as plain hex. */
export const fingerprint: ValueType<string> = {
  allowed: '64 hex digits, with or without colons',
  arity: 'one',
  read(of) {
    const hex = of.replaceAll(':', '').toLowerCase();
    if (/^[0-9a-f]{40}$/.test(hex)) return wrong('a SHA-1 fingerprint; SHA-256 is needed');
    return /^[0-9a-f]{64}$/.test(hex) ? value(hex) : wrong('no SHA-256 fingerprint');
  },
};

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** An address and a port: `203.0.113.1:443`, `[2001:db8::1]:443`. */
export const endpoint: ValueType<Endpoint> = {
  allowed: 'address:port, IPv6 in brackets',
  arity: 'one',
  read(of) {
    const { host, port } = splitPort(of);
    const address = parseAddress(host);
    const number = portNumber(port);
    if (address === undefined || number === undefined) return wrong('no address and port');
    return value(Object.freeze({ address: formatAddress(address), port: number }));
  },
};

export type ResolverAddress =
  | (Endpoint & { readonly transport: 'plain' })
  /** DNS over TLS (RFC 7858) to a server whose certificate must be valid for `tlsName`. */
  | (Endpoint & { readonly transport: 'tls'; readonly tlsName: string });

/** A resolver: `127.0.0.1`, `127.0.0.1:5300`, `[::1]:5300`, `tls://192.0.2.53#resolver.example`. */
export const resolverAddress: ValueType<ResolverAddress> = {
  allowed: 'address, address:port, tls://address#name, IPv6 with a port in brackets',
  arity: 'one',
  read(of) {
    const [, tls = '', where = '', name = ''] = /^(tls:\/\/)?([^#]*)(?:#(.*))?$/i.exec(of) ?? [];
    const { host, port } = parseAddress(where) ? { host: where, port: '' } : splitPort(where);
    const address = parseAddress(host);
    const number = portNumber(port === '' ? (tls === '' ? '53' : '853') : port);
    if (address === undefined || number === undefined) return wrong('no resolver address');
    const at = { address: formatAddress(address), port: number };
    if (tls === '')
      return name === '' ? value({ ...at, transport: 'plain' }) : wrong('a name needs tls://', `tls://${of}`);
    const tlsName = canonicalDomain(name);
    if (tlsName === undefined) return wrong('DNS over TLS needs the name in the certificate after a #');
    return value({ ...at, transport: 'tls', tlsName });
  },
};

function splitPort(of: string): { host: string; port: string } {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(of);
  return { host: match?.[1] ?? match?.[2] ?? '', port: match?.[3] ?? '' };
}

function portNumber(of: string): number | undefined {
  const number = /^\d{1,5}$/.test(of) ? Number(of) : 0;
  return number > 0 && number < 65536 ? number : undefined;
}

/** An address, or a network such as `10.0.0.0/8`. */
export const network: ValueType<Network> = {
  allowed: 'an address or a network',
  arity: 'one',
  read(of) {
    const read = parseNetwork(insideBrackets(of) ?? of);
    return read === undefined ? wrong('neither an address nor a network') : value(Object.freeze(read));
  },
};

/** What stands in a Host header, without its port: a name in canonical form, or an address without brackets. */
export const webHost: ValueType<string> = {
  allowed: 'a host name, or an address',
  arity: 'one',
  read(of) {
    const bare = insideBrackets(of) ?? of;
    if (parseAddress(bare) !== undefined) return value(plainAddress(bare));
    const name = canonicalDomain(of);
    return name === undefined ? wrong('neither a host name nor an address') : value(name);
  },
};

/** The name of a header field (RFC 9110 section 5.1), in lower case. */
export const headerName: ValueType<string> = {
  allowed: 'the name of a header field',
  arity: 'one',
  read(of) {
    if (!/^[\w!#$%&'*+.^`|~-]{1,64}$/.test(of)) return wrong('no name of a header field');
    const name = of.toLowerCase();
    return ['host', 'cookie', 'authorization'].includes(name)
      ? wrong('a header that clients set themselves')
      : value(name);
  },
};

/** How many of the busiest: `none`, or `top 20`. */
export const busiest: ValueType<number> = {
  allowed: 'none, or top and a number from 1 to 1000',
  arity: 'one',
  read(of) {
    if (/^none$/i.test(of)) return value(0);
    const number = Number(/^top\s+(\d{1,4})$/i.exec(of)?.[1] ?? 0);
    return number < 1 || number > 1000 ? wrong('no such number', 'top 20') : value(number);
  },
};
