import { describe, expect, it } from 'vitest';
import { parseRecordSet } from '../../src/mta_sts/record';

describe('the TXT record set at _mta-sts', () => {
  it.each<[what: string, records: string[], id: string]>([
    ['the example of the standard', ['v=STSv1; id=20160831085700Z;'], '20160831085700Z'],
    ['no blank and no last delimiter', ['v=STSv1;id=1'], '1'],
    ['blanks and tabs around delimiters', ['v=STSv1 \t; \t id=a1 ; '], 'a1'],
    ['32 characters', [`v=STSv1; id=${'x'.repeat(32)}`], 'x'.repeat(32)],
    ['an extension whose name has 32 characters', [`v=STSv1; id=7; ${'n'.repeat(32)}=1`], '7'],
    ['extensions before and after the id', ['v=STSv1; a.b-c_d=1,2; id=7; z=!'], '7'],
    ['records of other kinds beside it', ['google-site-verification=x', 'v=STSv1; id=7', 'v=spf1 -all'], '7'],
    ['a later version beside it', ['v=STSv2; id=8', 'v=STSv1; id=7'], '7'],
    ['the first of two ids', ['v=STSv1; id=1; id=2'], '1'],
  ])('is found with %s', (_what, records, id) => {
    expect(parseRecordSet(records)).toEqual({ kind: 'found', id });
  });

  it.each<[what: string, records: string[]]>([
    ['no record', []],
    ['another version', ['v=STSv2; id=1']],
    ['a version in other case', ['v=stsv1; id=1']],
    ['a leading blank', [' v=STSv1; id=1']],
    ['another key first', ['id=1; v=STSv1;']],
    ['text before', ['x v=STSv1; id=1']],
  ])('is not published with %s', (_what, records) => {
    expect(parseRecordSet(records)).toEqual({ kind: 'not_published' });
  });

  it.each<[what: string, records: string[], text: RegExp]>([
    ['two records', ['v=STSv1; id=1', 'v=STSv1; id=2'], /2 records/],
    ['the same record twice', ['v=STSv1; id=1', 'v=STSv1; id=1'], /2 records/],
    ['a broken record beside a good one', ['v=STSv1; id=1', 'v=STSv1;'], /2 records/],
    ['no id', ['v=STSv1; a=b'], /id is missing/],
    ['nothing but the version', ['v=STSv1;'], /id is missing/],
    ['no delimiter', ['v=STSv1'], /must be followed/],
    ['a blank for a delimiter', ['v=STSv1 id=1'], /must be followed/],
    ['an empty id', ['v=STSv1; id='], /name=value/],
    ['33 characters', [`v=STSv1; id=${'x'.repeat(33)}`], /1 to 32/],
    ['a hyphen in the id', ['v=STSv1; id=2020-01-01'], /1 to 32/],
    ['an umlaut in the id', ['v=STSv1; id=ä'], /name=value/],
    ['a blank in the id', ['v=STSv1; id=1 2'], /name=value/],
    ['a blank at the end', ['v=STSv1; id=1 '], /name=value/],
    ['ID in capitals', ['v=STSv1; ID=1'], /id is missing/],
    ['two records of another form', ['v=STSv1 ; id=1', 'v=STSv1\t; id=2'], /2 records/],
    ['two delimiters in a row', ['v=STSv1;; id=1'], /name=value/],
    ['an equals sign in an extension', ['v=STSv1; id=1; a=b=c'], /name=value/],
    ['a NUL', ['v=STSv1; id=1\0'], /name=value/],
    ['an escape sequence', ['v=STSv1; id=\u001b[31m'], /\\u\{1b\}/],
    ['a name of 33 characters', [`v=STSv1; id=1; ${'n'.repeat(33)}=1`], /name=value/],
  ])('is invalid with %s', (_what, records, text) => {
    const record = parseRecordSet(records);
    expect(record).toMatchObject({ kind: 'invalid', failure: { reason: 'sts-policy-invalid' } });
    expect(record.kind === 'invalid' && record.failure.text).toMatch(text);
  });

  it.each<[what: string, records: string[], id: string]>([
    ['behind it', ['v=STSv1; id=1;', 'v=STSv1 ; id=2;'], '1'],
    ['before it', ['v=STSv1\t; id=2;', 'v=STSv1; id=1;'], '1'],
    ['without a delimiter', ['v=STSv1', 'v=STSv1; id=1;', 'v=STSv1 id=2'], '1'],
    ['twice', ['v=STSv1 ; id=2;', 'v=STSv1; id=1;', 'v=STSv1 \t; id=3;'], '1'],
  ])(
    'passes over a record that does not begin with v=STSv1; exactly, %s',
    { tags: ['regression'] },
    (_what, records, id) => {
      expect(parseRecordSet(records)).toEqual({ kind: 'found', id });
    },
  );

  it('takes the one record of the grammar where there is no other', () => {
    expect(parseRecordSet(['v=STSv1 ; id=2;'])).toEqual({ kind: 'found', id: '2' });
    expect(parseRecordSet(['v=spf1 -all', 'v=STSv1 ; id=2;'])).toEqual({ kind: 'found', id: '2' });
  });

  it('is read in linear time', () => {
    const blanks = ' '.repeat(60_000);
    expect(parseRecordSet([`v=STSv1${blanks};${blanks}id=1${blanks};x`]).kind).toBe('invalid');
  });
});
