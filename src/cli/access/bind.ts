/** Whether this process could listen somewhere. */
import { createServer } from 'node:net';

/** Binds for a moment. @returns what keeps it from that */
export function whyNotBound(at: {
  readonly address: string;
  readonly port: number;
}): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host: at.address, port: at.port, exclusive: true }, () =>
      server.close(() => resolve(undefined)),
    );
  });
}
