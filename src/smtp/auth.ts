/** Authentication of a client (RFC 4954) by PLAIN (RFC 4616), LOGIN and CRAM-MD5 (RFC 2195). Pure. */
import { createHmac } from 'node:crypto';
import { printable } from '../text';

export interface Credentials {
  readonly user: string;
  readonly password: string;
  /** The mechanism to use, in capitals; `any` takes the best that both sides know. */
  readonly mechanism: string;
}

/** The best first. */
const mechanisms = ['CRAM-MD5', 'PLAIN', 'LOGIN'] as const;
export type Mechanism = (typeof mechanisms)[number];

export type Choice =
  | { readonly kind: 'chosen'; readonly mechanism: Mechanism }
  /** The message is sent without, as Haraka does; `why`, one printable line, is for the log. */
  | { readonly kind: 'none'; readonly why: string };

export function chooseMechanism({ mechanism: wanted }: Credentials, offered: readonly string[]): Choice {
  if (offered.length === 0) return { kind: 'none', why: 'the host does not offer AUTH' };
  const usable = mechanisms.filter((one) => offered.includes(one) && (wanted === 'any' || wanted === one));
  const [mechanism] = usable;
  if (mechanism !== undefined) return { kind: 'chosen', mechanism };
  const asked = wanted === 'any' ? mechanisms.join(', ') : wanted;
  const why = `of ${asked} the host offers none (it offers ${printable(offered.join(', '))})`;
  return { kind: 'none', why };
}

/** What is said next; the secret is kept out of logs. */
export interface AuthLine {
  readonly text: string;
  readonly shown: string;
}

/** How far an exchange has come: how many challenges were answered. */
export interface AuthProgress {
  readonly mechanism: Mechanism;
  readonly answered: number;
}

export function firstLine({ user, password }: Credentials, mechanism: Mechanism): AuthLine {
  if (mechanism !== 'PLAIN') return { text: `AUTH ${mechanism}`, shown: `AUTH ${mechanism}` };
  return { text: `AUTH PLAIN ${base64(`\0${user}\0${password}`)}`, shown: 'AUTH PLAIN (hidden)' };
}

/**
 * The answer to a challenge (334).
 *
 * @returns `unexpected` where the mechanism has nothing more to say
 */
export function nextLine(
  { user, password }: Credentials,
  { mechanism, answered }: AuthProgress,
  challenge: string,
): AuthLine | 'unexpected' {
  if (mechanism === 'LOGIN' && answered < 2) {
    return { text: base64(answered === 0 ? user : password), shown: '(hidden)' };
  }
  if (mechanism === 'CRAM-MD5' && answered === 0) {
    const nonce = Buffer.from(challenge, 'base64');
    const digest = createHmac('md5', password).update(nonce).digest('hex');
    return { text: base64(`${user} ${digest}`), shown: '(hidden)' };
  }
  return 'unexpected';
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
