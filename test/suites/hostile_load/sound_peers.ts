/** The well-behaved hosts, in a process of their own: they take everything, and note how long it took. */
import { inChild } from './child';
import { startHost, type Certificate } from './smtp_host';

export interface SoundOrder {
  readonly hosts: readonly {
    readonly name: string;
    readonly address: string;
    readonly certificate: Certificate;
  }[];
}

/** One message that was taken. */
export interface Taken {
  /** Milliseconds since the epoch at which it was due to be handed to Haraka. */
  readonly due: number;
  /** Milliseconds from the connection (or MAIL, on one that was used before) to the answer to its end. */
  readonly session: number;
  /** Milliseconds from `due` to that answer. */
  readonly way: number;
}

const taken: Taken[] = [];

inChild<SoundOrder, readonly number[], readonly Taken[]>({
  start: ({ hosts }) =>
    Promise.all(
      hosts.map((host) =>
        startHost({
          ...host,
          say: (_point, usual, stream) => stream.write(usual),
          onTransaction: ({ begun, ended, headers }) => {
            const due = Number(/^X-Due: ([\d.]+)/m.exec(headers)?.[1]);
            // The rest of what comes here is the counterpart of attacked mail.
            if (due > 0) taken.push({ due, session: ended - begun, way: ended - due });
          },
        }),
      ),
    ),
  answer: () => taken.splice(0),
});
