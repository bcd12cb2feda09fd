/** Encodes a query with dns2: the one place that touches it. */
import { Packet } from 'dns2';
import { recordTypes, type Question } from './question';

/** What fits into one unfragmented datagram on any path (DNS flag day 2020). */
export const udpPayloadSize = 1232;

/** What dns2 does beyond its own type declarations. */
interface OptConstructor {
  readonly EDNS: (
    options: readonly object[],
    fields: { readonly doFlag: boolean; readonly udpPayloadSize: number },
  ) => InstanceType<typeof Packet>['additionals'][number];
}

/**
 * A recursive query with EDNS, DO (give me signatures: some resolvers answer with AD only then) and AD (tell me whether
 * you validated: RFC 6840 section 5.7).
 */
export function encodeQuery(id: number, question: Question): Buffer {
  const packet = new Packet();
  const header = { id, rd: 1 as const, ad: 1 as const };
  packet.header = new Packet.Header(header);
  packet.questions = [new Packet.Question(question.name, recordTypes[question.type], Packet.CLASS.IN)];
  const { EDNS } = Packet.Resource as unknown as OptConstructor;
  packet.additionals = [EDNS([], { doFlag: true, udpPayloadSize })];
  return packet.toBuffer();
}

/** Eight groups as RFC 5952 writes them. */
export function ipv6Text(groups: readonly number[]): string {
  return Packet.toIPv6([...groups]);
}
