import type { ConnectionLimits } from '../session/connections';
import type { GlobalSettings } from '../settings/schema/types';
import type { DeliveryLimits } from './delivery';

/** Milliseconds before mail that waits for a connection is given back: a host that works has one for somebody sooner. */
const patience = { idleHost: 2000, inAll: 10_000 };

/** @param slots deliveries that Haraka makes at a time */
function connectionLimits(delivery: GlobalSettings['delivery'], slots: number): ConnectionLimits {
  return {
    reuse: delivery.reuseConnections,
    messages: delivery.sessionMessages,
    idle: delivery.sessionIdle * 1000,
    age: delivery.sessionAge * 1000,
    idleSessions: delivery.idleSessions,
    perHost: delivery.connectionsPerHost,
    // Whoever waits holds one of the slots, and the others are for mail to other hosts.
    waiting: { perHost: Math.ceil(slots / 4), inAll: Math.ceil(slots / 2) },
    patience,
  };
}

/**
 * The limits of deliveries, from the settings, which are in seconds.
 *
 * @param slots deliveries that Haraka makes at a time
 */
export function limitsOf(
  { timeouts: seconds, delivery }: Pick<GlobalSettings, 'timeouts' | 'delivery'>,
  slots: number,
): DeliveryLimits {
  const ms = (value: number): number => value * 1000;
  return {
    connections: connectionLimits(delivery, slots),
    decision: ms(seconds.decision),
    attempt: ms(seconds.attempt),
    session: {
      greeting: ms(seconds.greeting),
      ehlo: ms(seconds.ehlo),
      tlsHandshake: ms(seconds.tlsHandshake),
      mail: ms(seconds.mail),
      rcpt: ms(seconds.rcpt),
      data: ms(seconds.data),
      dataBlock: ms(seconds.dataBlock),
      finalDot: ms(seconds.finalDot),
      quit: ms(seconds.quit),
    },
  };
}
