/** The secret that the hosts of a fleet share. */

/** As much as guessing must take: 32 characters, of which base64 has 6 bits each. */
const shortest = 32;

/** One or more: the first signs, and all are believed, so that a secret can be replaced host by host. */
export type Secrets = readonly [string, ...string[]];

export type SecretsReading =
  { readonly kind: 'secrets'; readonly secrets: Secrets } | { readonly kind: 'none'; readonly why: string };

/** @param text of the file that `key_file` names: a secret on each line */
export function readSecrets(text: string): SecretsReading {
  const [first, ...others] = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (first === undefined) return { kind: 'none', why: 'it is empty' };
  const isShort = [first, ...others].some((secret) => secret.length < shortest);
  return isShort
    ? { kind: 'none', why: `a secret is shorter than ${shortest} characters` }
    : { kind: 'secrets', secrets: [first, ...others] };
}
