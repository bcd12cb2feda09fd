/** Mail that a real mail server put into Maildirs. */
import { readFileSync } from 'node:fs';
import { filesBelow } from '../../../../haraka-test-harness/program';
import { stuffed } from '../../../../haraka-test-harness/smtp_client';
import type { Peer, Transfer, Visit } from '../peer';

/** What a server delivered, whoever it was for. */
export class Maildirs {
  readonly #read = new Map<string, { readonly domain: string; readonly transfer: Transfer }>();

  readonly #directory: string;
  readonly #isIdle: () => boolean;
  readonly #recipientOf: (file: string, text: string) => string;

  constructor(directory: string, isIdle: () => boolean, recipientOf: (file: string, text: string) => string) {
    this.#directory = directory;
    this.#isIdle = isIdle;
    this.#recipientOf = recipientOf;
  }

  /** The server as a peer of one domain: what it delivered there stands for what was transferred. */
  peerOf(domain: string): Peer {
    // Known only once all is said and done; until then nobody is asked.
    let transfers: readonly Transfer[] = [];
    const visit = { cleartext: '', encrypted: '', commands: [], state: 'closed' } as const;
    return {
      name: `mx1.${domain}`,
      address: '127.0.0.1',
      port: 0,
      socket: '',
      get visits(): readonly Visit[] {
        return [{ ...visit, transfers }];
      },
      settled: async () => {
        const deadline = Date.now() + 10_000;
        while (!this.#isIdle() && Date.now() < deadline)
          await new Promise((resolve) => setTimeout(resolve, 100));
        transfers = this.#of(domain);
      },
      forget: () => undefined,
      stop: async () => Promise.resolve(),
    };
  }

  #of(domain: string): Transfer[] {
    for (const file of filesBelow(this.#directory)) {
      if (this.#read.has(file) || !file.includes('/new/')) continue;
      const text = readFileSync(file, 'latin1').replace(/\r?\n/g, '\r\n');
      const recipient = this.#recipientOf(file, text);
      const at = recipient.lastIndexOf('@');
      this.#read.set(file, {
        domain: recipient.slice(at + 1),
        transfer: transferOf(text, recipient.slice(0, at)),
      });
    }
    return [...this.#read.values()].filter((one) => one.domain === domain).map(({ transfer }) => transfer);
  }
}

/** Mail as it was delivered: with fields of the server on top of those that Haraka sent. */
function transferOf(text: string, recipient: string): Transfer {
  const sent = Math.max(0, text.search(/^Received: from client\.wire\.example/m));
  const isSecured = /using TLS|with (?:ESMTPSA?|LMTPS|UTF8SMTPSA?|UTF8LMTPS)\b/.test(text.slice(0, sent));
  return {
    from: '',
    parameters: '',
    to: [recipient],
    wire: stuffed(text.slice(sent)),
    taken: [recipient],
    protection: isSecured ? 'TLS' : 'cleartext',
  };
}
