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

/** Whether a query has an OPT record, which is to say, speaks EDNS (RFC 6891). */
export type Opt = 'with_opt' | 'without_opt';

/**
 * A recursive query. With OPT: EDNS, DO (give me signatures: some resolvers answer with AD only then) and AD (tell me whether
 * you validated: RFC 6840 section 5.7). Without: as RFC 1035 has it, where the bit of AD must be zero.
 */
export function encodeQuery(id: number, question: Question, opt: Opt = 'with_opt'): Buffer {
  const packet = new Packet();
  const header = { id, rd: 1 as const, ad: opt === 'with_opt' ? (1 as const) : (0 as const) };
  packet.header = new Packet.Header(header);
  packet.questions = [new Packet.Question(question.name, recordTypes[question.type], Packet.CLASS.IN)];
  const { EDNS } = Packet.Resource as unknown as OptConstructor;
  if (opt === 'with_opt') packet.additionals = [EDNS([], { doFlag: true, udpPayloadSize })];
  return packet.toBuffer();
}

/** Eight groups as RFC 5952 writes them. */
export function ipv6Text(groups: readonly number[]): string {
  return Packet.toIPv6([...groups]);
}
