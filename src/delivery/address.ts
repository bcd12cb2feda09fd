/**
 * Envelope addresses as Haraka's versions hand them out: `host` and `address` are strings in 3.3; 3.2 puts callable
 * objects in their place that only print like strings; before that, `address` is a method. A name that is no string would
 * be looked up and found nowhere, and the rule of its domain with it.
 */
export interface EnvelopeAddress {
  readonly host: unknown;
  readonly address?: unknown;
}

/** The domain; empty for the null sender and for a bare `postmaster`. */
export function domainOf({ host }: EnvelopeAddress): string {
  return host === null || host === undefined ? '' : (host as { toString(): string }).toString();
}

/** The whole address; empty for the null sender. */
export function textOf(envelope: EnvelopeAddress): string {
  const { address } = envelope;
  // The callable objects have the properties of a string, and not those of a function: neither call() nor apply().
  const text: unknown = typeof address === 'function' ? Reflect.apply(address, envelope, []) : address;
  return typeof text === 'string' ? text : '';
}
