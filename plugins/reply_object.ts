import type { SmtpReply } from '../src/inbound/decide';

/** Haraka takes code and text from what is called DSN, as haraka-dsn's class is. */
class DSN {
  constructor(
    readonly code: number,
    readonly reply: string,
  ) {}
}
// Whatever the bundler calls it.
Object.defineProperty(DSN, 'name', { value: 'DSN' });

/** A reply with a code of its own, as a hook answers it. */
export function replyObject({ code, status, text }: SmtpReply): DSN {
  return new DSN(code, `${status} ${text}`);
}
