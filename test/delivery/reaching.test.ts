/** The right to a connection goes back wherever nobody uses it, and a session is taken only on the same terms. */
import { beforeAll, expect, it, vi } from 'vitest';
import { openCertificateOffice, type ServerCertificate } from '../../haraka-test-harness/certificates';
import { Attempt } from '../../src/delivery/attempt';
import type { Delivery } from '../../src/delivery/delivery';
import type { TlsSocketModule } from '../../src/delivery/haraka';
import { handshakeRequest } from '../../src/delivery/host_terms';
import { firstTry } from '../../src/delivery/host_try';
import type { About } from '../../src/delivery/kept_session';
import { giveBack } from '../../src/delivery/reaching';
import { fitnessFor, wayOf } from '../../src/delivery/reuse';
import { tryNextHost } from '../../src/delivery/trying';
import type { HostPlan } from '../../src/policy/requirement';
import { Connections } from '../../src/session/connections';
import { handshakeIdentity } from '../../src/tls/options';
import type { TlsSession } from '../../src/tls/session';

const plan: HostPlan = {
  host: 'mx.example',
  port: 25,
  preference: 10,
  addresses: [],
  requirement: {
    kind: 'encrypted',
    minVersion: 'TLSv1.2',
    authentication: { kind: 'none' },
    serverName: 'mx.example',
    observe: undefined,
    because: 'mandatory',
  },
  recorded: [],
  discovered: '',
};
const mx = { exchange: '192.0.2.1', port: 25 };
const key = '192.0.2.1 25';

/** What of a delivery is looked at before anything is said to a host. */
function deliveryWith(tryDeliver: () => Promise<void>) {
  const connections = new Connections<About>(
    () => ({
      reuse: true,
      messages: 100,
      idle: 5000,
      age: 5000,
      idleSessions: 10,
      perHost: 1,
      waiting: { perHost: 5, inAll: 5 },
      patience: { idleHost: 5000, inAll: 5000 },
    }),
    () => performance.now(),
  );
  const temp_fail = vi.fn();
  const tlsSocket: { -readonly [K in keyof TlsSocketModule]: TlsSocketModule[K] } = {};
  const delivery = {
    hmail: {
      todo: { domain: 'peer.example', rcpt_to: [] },
      notes: {},
      mxlist: [] as unknown[],
      num_failures: 0,
      temp_fail,
      logerror: () => undefined,
    },
    environment: {
      connections,
      outboundConfig: { cfg: { local_mx_ok: true, temp_fail_intervals: [1] } },
      outboundTls: { cfg: {} },
      tlsSocket,
      isExemptFromTls: () => false,
      options: () => ({ now: () => new Date(), rememberBrokenTls: false }),
    },
    original: { try_deliver: vi.fn(tryDeliver) },
    attempt: attempt(),
  };
  return { connections, temp_fail, tlsSocket, delivery: delivery as unknown as Delivery };
}

function attempt(): Attempt {
  const made = new Attempt(60_000);
  made.phase = {
    kind: 'decided',
    decision: { kind: 'deliver', hosts: [plan], refused: [] },
    source: { kind: 'mx' },
  };
  made.queue = [firstTry({ ...mx }, plan)];
  return made;
}

it('a message with which Haraka begins anew while it waits for a connection takes none', async () => {
  const { connections, delivery } = deliveryWith(() => Promise.resolve());
  const busy = await connections.acquire(key, undefined);
  const waits = tryNextHost(delivery);
  await vi.waitUntil(() => connections.counts().waiting === 1);
  delivery.attempt = attempt();
  if (busy.kind === 'connect') connections.release(busy.lease);
  await waits;
  expect(delivery.original.try_deliver).not.toHaveBeenCalled();
  expect(connections.counts()).toEqual({ open: 0, idle: 0, waiting: 0, hosts: 0 });
});

it('where connecting breaks, the message waits and its connection is given back', async () => {
  const { connections, temp_fail, delivery } = deliveryWith(() => Promise.reject(new Error('no such port')));
  await tryNextHost(delivery);
  expect(temp_fail).toHaveBeenCalledOnce();
  expect(connections.counts().open).toBe(0);
});

it('a message that is given back goes on behind the send_email hooks, once', () => {
  const order: string[] = [];
  const before = attempt();
  const { delivery } = deliveryWith(() => Promise.resolve());
  delivery.attempt = before;
  delivery.givenBack = 0;
  delivery.environment.options = () => ({ limits: { attempt: 60_000 } }) as never;
  Object.setPrototypeOf(delivery.hmail, { _send: () => void order.push('send_email') });
  Object.assign(delivery.hmail, {
    loginfo: () => undefined,
    get_mx: () => {
      if (delivery.attempt !== before) order.push('another attempt');
      order.push('get_mx');
    },
    send_email_respond: (answer: number) => void order.push(`delay ${answer}`),
  });
  giveBack(delivery, firstTry({ ...mx }, plan));
  delivery.hmail._send?.();
  delivery.hmail._send?.();
  expect(order).toEqual(['delay 908', 'another attempt', 'get_mx', 'send_email']);
});

let certificates: ServerCertificate[];
beforeAll(async () => {
  const office = await openCertificateOffice();
  certificates = await Promise.all(
    ['one.example', 'two.example'].map((name) => office.certificate(name, 'trusted')),
  );
});

it('another client certificate is another session', () => {
  const { delivery, tlsSocket } = deliveryWith(() => Promise.resolve());
  const show = (certificate: ServerCertificate | undefined): void => {
    Object.assign(tlsSocket, {
      tls_valid: true,
      cfg: { main: { mutual_tls: true } },
      certsByHost: { '*': { key: certificate?.keyPem, cert: certificate?.chainPem } },
    });
  };
  const tried = firstTry({ ...mx }, plan);
  const session = { protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' } as TlsSession;
  const fitness = (about: About): string => fitnessFor(delivery, tried)?.(about).kind ?? 'none';
  show(certificates[0]);
  const about: About = {
    way: wayOf(tried.mx, delivery.hmail.todo),
    channel: {
      kind: 'tls',
      asked: handshakeIdentity(handshakeRequest(delivery, tried)),
      session,
      made: new Date(),
    },
    authenticated: false,
  };
  expect(fitness(about)).toBe('tls');
  show(certificates[1]);
  expect(fitness(about)).toBe('unfit');
  show(undefined);
  expect(fitness(about)).toBe('unfit');
  show(certificates[0]);
  expect(fitness(about)).toBe('tls');
});
