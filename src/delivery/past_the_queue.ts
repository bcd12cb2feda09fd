/** Haraka's plugins that take mail of clients that may relay and send it themselves, past the outbound queue and its guard. */

/** What is used of Haraka's connection. */
export interface QueueingConnection {
  readonly notes: Record<string, unknown>;
  readonly transaction?: QueuedTransaction | null;
}

export interface QueuedTransaction {
  readonly notes: {
    /** Plugins that Haraka does not ask about this message. */
    readonly skip_plugins: string[];
    get?(path: string): unknown;
  };
}

/** What is used of Haraka's plugin objects. */
export interface LoadedPlugin {
  /** Plugins that it inherits from, by name. */
  readonly base?: Readonly<Record<string, LoadedPlugin>>;
  forward_enabled?(connection: QueueingConnection, config: unknown): unknown;
  get_config?(connection: QueueingConnection): unknown;
}

interface RegisteredHook {
  readonly plugin: string;
}

/** One of them, under its own name or as what another plugin inherits from. */
export interface Deliverer {
  readonly plugin: string;
  /** Haraka's name for what it does, such as `queue/smtp_proxy`. */
  readonly kind: DelivererName;
  readonly loaded: LoadedPlugin;
}

/** Whether each takes a message that it is asked about. Anything but a plain no counts as yes. */
const takes = {
  'queue/smtp_proxy': (_plugin, { notes }) => Boolean(notes['smtp_client']),
  'queue/qmail-queue': (_plugin, connection) => ['', 'qmail-queue'].includes(wantedQueue(connection)),
  // It decides by the first recipient's section of smtp_forward.ini.
  'queue/smtp_forward': (plugin, connection) =>
    plugin.forward_enabled?.(connection, plugin.get_config?.(connection)) !== false,
} as const satisfies Record<string, (plugin: LoadedPlugin, connection: QueueingConnection) => boolean>;

export type DelivererName = keyof typeof takes;

/** What is used of Haraka's list of plugins. */
export interface HarakaPlugins {
  readonly registered_hooks: Readonly<Record<string, readonly RegisteredHook[] | undefined>>;
  readonly registered_plugins: Readonly<Record<string, LoadedPlugin | undefined>>;
}

/** Those among the plugins that are asked at `hook`. */
export function deliverersAt(
  hook: string,
  { registered_hooks: hooks, registered_plugins: loaded }: HarakaPlugins,
): Deliverer[] {
  return [...new Set((hooks[hook] ?? []).map(({ plugin }) => plugin))].flatMap((plugin) => {
    const object = loaded[plugin] ?? {};
    const kind = kindOf(plugin, object);
    return kind === undefined ? [] : [{ plugin, kind, loaded: object }];
  });
}

function kindOf(name: string, { base = {} }: LoadedPlugin): DelivererName | undefined {
  if (isDeliverer(name)) return name;
  for (const [parent, object] of Object.entries(base)) {
    const kind = kindOf(parent, object);
    if (kind !== undefined) return kind;
  }
  return undefined;
}

function isDeliverer(name: string): name is DelivererName {
  return Object.hasOwn(takes, name);
}

/** Whether it would take this message, as things stand. */
export function takesMessage({ kind, loaded }: Deliverer, connection: QueueingConnection): boolean {
  try {
    return takes[kind](loaded, connection);
  } catch {
    // not covered: a second line of defence.
    return true;
  }
}

/** All that Haraka ships, whether they are loaded or not. */
export const shippedDeliverers: readonly Pick<Deliverer, 'plugin'>[] = Object.keys(takes).map((plugin) => ({
  plugin,
}));

/** Has Haraka ask none of them about this message any more, whatever becomes of our own answer. */
export function passOver(
  deliverers: readonly Pick<Deliverer, 'plugin'>[],
  { notes }: QueuedTransaction,
): void {
  for (const { plugin } of deliverers) {
    if (!notes.skip_plugins.includes(plugin)) notes.skip_plugins.push(plugin);
  }
}

/**
 * smtp_proxy has been at DATA with its server since the client was, and would keep that connection until it times out: nobody
 * else ends it when a message is refused.
 */
export function releaseProxy({ notes }: QueueingConnection): void {
  const client = notes['smtp_client'] as { release?: () => void } | undefined;
  delete notes['smtp_client'];
  client?.release?.();
}

/** The note by which plugins choose a queue; empty where none has. */
function wantedQueue({ transaction }: QueueingConnection): string {
  const wanted = transaction?.notes.get?.('queue.wants');
  return typeof wanted === 'string' ? wanted : '';
}
