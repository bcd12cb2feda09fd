import type { GlobalSettings } from '../settings/schema/types';
import type { DeliveryLimits } from './delivery';

/** The limits of deliveries, from the settings, which are in seconds. */
export function limitsOf(seconds: GlobalSettings['timeouts']): DeliveryLimits {
  const ms = (value: number): number => value * 1000;
  return {
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
