import { expect, test } from 'vitest';
import {
  deliverersAt,
  passOver,
  releaseProxy,
  takesMessage,
  type Deliverer,
  type LoadedPlugin,
} from '../../src/delivery/past_the_queue';

const hooks = (...names: string[]) => names.map((plugin) => ({ plugin }));

test('the plugins in question are known by name, and by what they inherit from', () => {
  const forward: LoadedPlugin = {};
  const loaded = {
    'queue/smtp_forward': forward,
    child: { base: { 'queue/smtp_forward': forward } },
    grandchild: { base: { child: { base: { 'queue/qmail-queue': {} } } } },
    limit: { base: { 'auth/auth_base': {} } },
  };
  const asked = hooks(
    'limit',
    'queue/smtp_forward',
    'queue/smtp_forward',
    'child',
    'grandchild',
    'toString',
    'gone',
  );
  const plugins = { registered_hooks: { queue_outbound: asked }, registered_plugins: loaded };
  expect(deliverersAt('queue_outbound', plugins).map(({ plugin, kind }) => [plugin, kind])).toEqual([
    ['queue/smtp_forward', 'queue/smtp_forward'],
    ['child', 'queue/smtp_forward'],
    ['grandchild', 'queue/qmail-queue'],
  ]);
});

const deliverer = (kind: Deliverer['kind'], loaded: LoadedPlugin = {}): Deliverer => ({
  plugin: kind,
  kind,
  loaded,
});

function connection(notes: Record<string, unknown>, wants?: string) {
  const get = (path: string) => (path === 'queue.wants' ? wants : undefined);
  return { notes, transaction: { notes: { skip_plugins: [] as string[], get } } };
}

test.each<[what: string, asked: Deliverer, of: ReturnType<typeof connection>, takes: boolean]>([
  ['smtp_proxy with a server', deliverer('queue/smtp_proxy'), connection({ smtp_client: {} }), true],
  ['smtp_proxy without one', deliverer('queue/smtp_proxy'), connection({}), false],
  ['qmail-queue', deliverer('queue/qmail-queue'), connection({}), true],
  ['qmail-queue that is wanted', deliverer('queue/qmail-queue'), connection({}, 'qmail-queue'), true],
  ['qmail-queue where another is wanted', deliverer('queue/qmail-queue'), connection({}, 'outbound'), false],
  [
    'smtp_forward that says yes',
    deliverer('queue/smtp_forward', { forward_enabled: () => true }),
    connection({}),
    true,
  ],
  [
    'smtp_forward that says no',
    deliverer('queue/smtp_forward', { forward_enabled: () => false }),
    connection({}),
    false,
  ],
  ['smtp_forward of another make', deliverer('queue/smtp_forward'), connection({}), true],
  [
    'smtp_forward that breaks',
    deliverer('queue/smtp_forward', {
      get_config: () => {
        throw new Error('no config');
      },
      forward_enabled: () => false,
    }),
    connection({}),
    true,
  ],
])('%s: takes the message: %4$s', (_what, asked, of, takes) => {
  expect(takesMessage(asked, of)).toBe(takes);
});

test('a plugin is passed over once', () => {
  const { transaction } = connection({});
  transaction.notes.skip_plugins.push('other', 'queue/smtp_proxy');
  passOver([deliverer('queue/smtp_proxy'), deliverer('queue/qmail-queue')], transaction);
  expect(transaction.notes.skip_plugins).toEqual(['other', 'queue/smtp_proxy', 'queue/qmail-queue']);
});

test("smtp_proxy's connection ends with the refusal, where there is one", () => {
  let released = 0;
  const notes = { smtp_client: { release: () => released++ } };
  releaseProxy({ notes });
  expect([released, 'smtp_client' in notes]).toEqual([1, false]);
  expect(() => releaseProxy({ notes })).not.toThrow();
});
