/** Who watches a session, kept from changing what it does. */
import { messageOf, printable } from '../text';
import type { SessionObserver } from './options';

/** The same observer, of which nothing is thrown: to stop for it could mean that a peer which has the message gets it again. */
export function harmless(observer: SessionObserver): SessionObserver {
  const tell = (what: () => void): void => {
    try {
      what();
    } catch (error) {
      tellFault(observer, error);
    }
  };
  return {
    sent: (lines) => tell(() => observer.sent(lines)),
    received: (reply, during) => tell(() => observer.received(reply, during)),
    data: (piece) => tell(() => observer.data(piece)),
    warn: (text) => tell(() => observer.warn(text)),
    missingStartTls: () => tell(() => observer.missingStartTls()),
    secured: (session, verdict, certificate) => tell(() => observer.secured(session, verdict, certificate)),
    established: (ready) => tell(() => observer.established(ready)),
  };
}

function tellFault(observer: SessionObserver, error: unknown): void {
  try {
    observer.warn(`whoever watches this session broke: ${printable(messageOf(error))}`);
  } catch {
    // There is nobody else to tell.
  }
}
