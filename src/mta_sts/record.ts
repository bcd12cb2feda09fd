/**
 * The `_mta-sts` TXT record (RFC 8461 section 3.1): it says that a domain publishes an MTA-STS policy, and its `id`
 * changes whenever the policy does.
 *
 * No record, several records or a broken one mean that no policy can be discovered now. None of these takes back a
 * policy that was fetched before (section 5.1).
 */
import type { Failure } from '../failure';
import { printable } from '../text';
import { trimBlanks, trimLeadingBlanks } from './blanks';

export type StsRecord =
  | { readonly kind: 'found'; readonly id: string }
  | { readonly kind: 'not_published' }
  | { readonly kind: 'invalid'; readonly failure: Failure };

/** What a record begins with that counts beside others. */
const exact = 'v=STSv1;';
/** What the grammar allows: the delimiter may have blanks before it. */
const versioned = /^v=STSv1[ \t]*;/;
const idValue = /^[A-Za-z0-9]{1,32}$/;
const extension = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x21-\x3a\x3c\x3e-\x7e]+$/;

/** Whether `text` may be the id of a record. */
export function isPolicyId(text: string): boolean {
  return idValue.test(text);
}

/**
 * Reads the TXT RRset at `_mta-sts.<domain>`, each record as its character-strings joined without spaces. Records of
 * other kinds at that name are passed over.
 */
export function parseRecordSet(records: readonly string[]): StsRecord {
  const ours = candidates(records);
  if (ours.length > 1) return invalid(`${ours.length} records begin with v=STSv1, exactly one may`);
  const [record] = ours;
  if (record !== undefined) return parseRecord(record);
  const nearly = records.find((other) => other.startsWith('v=STSv1'));
  return nearly === undefined
    ? { kind: 'not_published' }
    : invalid(`"${printable(nearly, 80)}": v=STSv1 must be followed by ";"`);
}

/**
 * "If multiple TXT records for `_mta-sts` are returned [...], records that do not begin with `v=STSv1;` are discarded":
 * before they are counted. Without such a record, one of another form of the grammar is it.
 */
function candidates(records: readonly string[]): string[] {
  const ours = records.filter((record) => record.startsWith(exact));
  return ours.length > 0 ? ours : records.filter((record) => versioned.test(record));
}

function parseRecord(record: string): StsRecord {
  const fields = record
    .split(';')
    .slice(1)
    .map((field, index, all) => (index < all.length - 1 ? trimBlanks(field) : trimLeadingBlanks(field)));
  if (fields.at(-1) === '') fields.pop();
  const broken = fields.find((field) => !extension.test(field));
  if (broken !== undefined) return invalid(`"${printable(broken, 80)}" is not of the form name=value`);
  // The grammar leaves a repeated id open; the policy's own rule, the first one counts, is taken for the record too.
  const id = fields.find((field) => field.startsWith('id='))?.slice('id='.length);
  if (id === undefined) return invalid('the id is missing');
  if (!idValue.test(id)) return invalid(`the id "${printable(id, 80)}" is not 1 to 32 letters and digits`);
  return { kind: 'found', id };
}

function invalid(text: string): StsRecord {
  return { kind: 'invalid', failure: { reason: 'sts-policy-invalid', text: `MTA-STS TXT record: ${text}` } };
}
