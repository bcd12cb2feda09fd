/** What the sender of a message asks of its way (RFC 8689), as it stands in the notes of the message. Pure. */

/** `required`: REQUIRETLS. `optional`: "TLS-Required: No". */
export type SenderTag = 'untagged' | 'required' | 'optional';

/** The same, in the words of logs, counts and the record. */
export const askedBy = { untagged: 'unasked', required: 'required', optional: 'no' } as const;

/** In the notes of a message, and so in its queue file. */
export const tagNote = 'tls_peers_requiretls';

/** What a note says. One that cannot be read asks for the most: nothing but us writes it. */
export function tagOf(notes: object | undefined): SenderTag {
  const note: unknown = notes === undefined ? undefined : Reflect.get(notes, tagNote);
  if (note === undefined) return 'untagged';
  return note === 'optional' ? 'optional' : 'required';
}
