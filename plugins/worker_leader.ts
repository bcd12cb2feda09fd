/**
 * The worker leader does for all workers what need be done only once. The master appoints it, and another one when it is gone;
 * the master itself may be root, and does not speak with the network.
 */
import cluster, { type Worker } from 'node:cluster';

const ready = 'tls-peers.ready';
const appointed = 'tls-peers.appointed';

/** In the master, before there are workers. */
export function appointLeaders(): void {
  /** In the order in which they came. */
  const candidates = new Map<number, Worker>();
  let holder: number | 'nobody' = 'nobody';

  const appoint = (): void => {
    if (holder !== 'nobody') return;
    const next = [...candidates.values()].find((worker) => worker.isConnected());
    if (next === undefined) return;
    holder = next.id;
    next.send({ event: appointed }, (error) => {
      if (error !== null) lose(next);
    });
  };
  const lose = (worker: Worker): void => {
    candidates.delete(worker.id);
    if (holder === worker.id) holder = 'nobody';
    appoint();
  };

  cluster.on('message', (worker, message) => {
    if (!isEvent(message, ready)) return;
    candidates.set(worker.id, worker);
    appoint();
  });
  cluster.on('disconnect', lose);
  cluster.on('exit', lose);
}

/**
 * In a worker: offers it as leader. `onAppointed` is called at most once.
 *
 * @returns what withdraws the offer
 */
export function offerAsLeader(onAppointed: () => void): () => void {
  const listen = (message: unknown): void => {
    if (!isEvent(message, appointed)) return;
    process.removeListener('message', listen);
    onAppointed();
  };
  process.on('message', listen);
  process.send?.({ event: ready });
  return () => process.removeListener('message', listen);
}

/** Haraka's own messages between its processes have the same shape. */
function isEvent(message: unknown, event: string): boolean {
  return typeof message === 'object' && message !== null && 'event' in message && message.event === event;
}
