/** What DNS and peers say now. Only of peers that a rule names or the record knows, and seldom: nobody is to be reached through this. */
import { UsageError } from '../../cli/command';
import { explainDocument, explainInboundNow, explainOutboundNow } from '../../cli/explain_now';
import { recipientDomain, senderDomain } from '../../cli/operands';
import { openTesting } from '../../cli/test_now';
import { peerName } from '../../evidence/peer_name';
import { parseAddress } from '../../peers/network';
import { isNamedExactly } from '../../peers/named';
import { silent } from '../../log';
import type { Desk } from './desk';
import type { Query } from './query';
import { AskedWrongly, document, NotThere, type Reply } from './reply';

/** The same shape as `explain --json`. */
export async function explain(desk: Desk, query: Query): Promise<Reply> {
  const [from, to] = [query.text('from') ?? '<>', query.needed('to')];
  const sender = domainIn(() => senderDomain(from === '' ? '<>' : from));
  const recipient = domainIn(() => recipientDomain(to));
  if (query.flag('inbound')) {
    const ip = query.text('ip') ?? '';
    if (ip !== '' && parseAddress(ip) === undefined) throw new AskedWrongly('ip: no address');
    return document(
      explainDocument(await explainInboundNow(desk.place, { ip, senderDomain: sender, recipient })),
    );
  }
  const offline = query.flag('offline');
  if (!offline) {
    await mustBeKnown(desk, recipient);
    desk.spend('explain');
  }
  const asked = { sender, recipient, answer: undefined, offline };
  return document(explainDocument(await explainOutboundNow(desk.place, asked)));
}

/** The same shape as `test --json`. */
export async function test(desk: Desk, query: Query): Promise<Reply> {
  const recipient = domainIn(() => recipientDomain(query.needed('domain')));
  const from = query.text('from');
  const senders = from === undefined ? undefined : [domainIn(() => senderDomain(from === '' ? '<>' : from))];
  await mustBeKnown(desk, recipient);
  desk.spend('test');
  const testing = openTesting(desk.place, (line) => silent.debug(line));
  try {
    return document(await testing.test(recipient, senders));
  } finally {
    await testing.close();
  }
}

async function mustBeKnown(desk: Desk, recipient: string): Promise<void> {
  const peer = peerName(recipient);
  const settings = desk.settings();
  const managed = ['', ...settings.domains.keys()];
  if (managed.some((domain) => isNamedExactly(settings, domain, 'out', peer))) return;
  const { cube } = await desk.record('decided_on');
  if (managed.some((domain) => cube.numberOf({ managed: domain, direction: 'out', peer }) !== undefined))
    return;
  throw new NotThere('no rule names this peer, and no message to it was counted');
}

function domainIn(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) throw new AskedWrongly(error.message);
    throw error;
  }
}
