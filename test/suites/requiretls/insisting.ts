/** "TLS-Required: No" to a server that takes no mail without TLS, and whose TLS is broken (RFC 8689 section 4.2.2). */
import type { Checks } from './checks';
import { startStation } from './station';

export async function insisting(checks: Checks): Promise<void> {
  const station = await startStation(
    { retryIntervals: '5s' },
    {
      domains: {
        'insisting.example': {
          mx: [
            {
              behaviour: {
                starttls: { do: 'upgrade', text: '220 go\r\n', handshake: 'garbage' },
                mail: { do: 'reply', text: '530 5.7.0 Must issue a STARTTLS command first\r\n' },
              },
            },
          ],
        },
      },
    },
  );
  try {
    const { id } = await station.send({ as: 'auto', ask: 'no', to: 'rcpt@insisting.example' });
    const { status } = await station.lab.outcome(id, { wanted: 'settled', timeoutMs: 60_000 });
    checks.same('a server that insists on TLS has the sender told in the end', status, 'bounced');
  } finally {
    await station.stop();
  }
}
