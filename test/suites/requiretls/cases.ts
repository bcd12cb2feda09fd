/** Level, what the sender asks for, what the peer has: what becomes of the message, and what the peer hears of it. */
import type { Ask } from './station';

/**
 * `required`: within TLS, with REQUIRETLS at MAIL. `tls` and `cleartext`: without. `5.7.30` and `5.7.10`: bounced so, and no peer
 * has heard of it. `bounced`, `deferred`: otherwise.
 */
export type Fate = 'required' | 'tls' | 'cleartext' | '5.7.30' | '5.7.10' | 'bounced' | 'deferred';

export type Case = readonly [as: string, ask: Ask, peer: string, fate: Fate];

// prettier-ignore
export const cases: readonly Case[] = [
  // Who vouches for the host, and what its certificate is worth.
  ['auto', 'required', 'dane',            'required'],
  ['auto', 'required', 'dane-bare',       '5.7.30'],
  ['auto', 'required', 'dane-wrong',      '5.7.10'],
  ['auto', 'required', 'dane-unknown',    'deferred'],
  ['auto', 'required', 'signed',          'required'],
  ['auto', 'required', 'signed-bare',     '5.7.30'],
  ['auto', 'required', 'signed-selfmade', '5.7.10'],
  ['auto', 'required', 'sts',             'required'],
  ['auto', 'required', 'sts-testing',     'required'],
  ['auto', 'required', 'sts-bare',        '5.7.30'],
  ['auto', 'required', 'sts-other',       '5.7.10'],
  ['auto', 'required', 'plain',           '5.7.10'],
  ['auto', 'required', 'plain-bare',      '5.7.10'],
  ['auto', 'required', 'notls',           '5.7.10'],
  ['auto', 'required', 'liar',            '5.7.30'],
  ['auto', 'required', 'broken',          '5.7.10'],
  ['auto', 'required', 'second',          'required'],
  ['auto', 'required', 'half',            'deferred'],
  ['auto', 'required', 'bogus',           'deferred'],
  ['auto', 'required', 'alone',           'required'],
  ['auto', 'required', 'refusing',        'bounced'],
  // Whatever the level asks for, the sender asks for more; what the level forbids stays forbidden.
  ['opportunistic', 'required', 'dane',            'required'],
  ['opportunistic', 'required', 'dane-wrong',      '5.7.10'],
  ['opportunistic', 'required', 'sts',             'required'],
  ['opportunistic', 'required', 'signed',          'required'],
  ['opportunistic', 'required', 'signed-selfmade', '5.7.10'],
  ['opportunistic', 'required', 'plain',           '5.7.10'],
  ['opportunistic', 'required', 'notls',           '5.7.10'],
  ['mandatory',     'required', 'dane',            'required'],
  ['mandatory',     'required', 'signed-bare',     '5.7.30'],
  ['mandatory',     'required', 'plain',           '5.7.10'],
  ['verify',        'required', 'signed',          'required'],
  ['verify',        'required', 'dane',            '5.7.10'],
  ['verify',        'required', 'plain',           '5.7.10'],
  ['mandatory-dane', 'required', 'dane',           'required'],
  ['mandatory-dane', 'required', 'dane-bare',      '5.7.30'],
  ['mandatory-dane', 'required', 'signed',         '5.7.10'],
  ['mta-sts',       'required', 'sts',             'required'],
  ['mta-sts',       'required', 'dane',            'required'],
  ['mta-sts',       'required', 'plain-bare',      '5.7.10'],
  ['none',          'required', 'signed',          '5.7.10'],
  ['watch',         'required', 'signed',          'required'],
  ['watch',         'required', 'notls',           '5.7.10'],
  // The parameter counts, whatever the header says.
  ['auto', 'required+no', 'dane',         'required'],
  ['auto', 'required+no', 'plain',        '5.7.10'],
  ['auto', 'required+no', 'notls',        '5.7.10'],
  // The operator asks for less: the request is passed on where it can be.
  ['soft-tls', 'required', 'plain',       'required'],
  ['soft-tls', 'required', 'plain-bare',  'tls'],
  ['soft-tls', 'required', 'plain-selfmade', 'tls'],
  ['soft-tls', 'required', 'notls',       'deferred'],
  ['soft-tls', 'required', 'dane-wrong',  'deferred'],
  ['soft',     'required', 'plain',       'required'],
  ['soft',     'required', 'plain-bare',  'tls'],
  ['soft',     'required', 'notls',       'cleartext'],
  // "TLS-Required: No" sets aside what the recipient publishes, and nothing that the operator demands.
  ['auto',           'no', 'dane',          'tls'],
  ['auto',           'no', 'dane-wrong',    'tls'],
  ['auto',           'no', 'notls',         'cleartext'],
  ['auto',           'no', 'broken',        'cleartext'],
  ['auto',           'no', 'sts-bare',      'tls'],
  ['mta-sts',        'no', 'sts',           'tls'],
  ['mandatory',      'no', 'plain-bare',    'tls'],
  ['mandatory',      'no', 'notls',         'deferred'],
  ['verify',         'no', 'signed-selfmade', 'deferred'],
  ['mandatory-dane', 'no', 'dane',          'tls'],
  ['mandatory-dane', 'no', 'dane-wrong',    'deferred'],
  ['none',           'no', 'plain',         'cleartext'],
  // Mail that asks for nothing: as ever, also where REQUIRETLS is offered.
  ['auto',          '-', 'dane',            'tls'],
  ['auto',          '-', 'dane-bare',       'tls'],
  ['auto',          '-', 'dane-wrong',      'deferred'],
  ['auto',          '-', 'plain',           'tls'],
  ['auto',          '-', 'notls',           'cleartext'],
  ['auto',          '-', 'broken',          'cleartext'],
  ['opportunistic', '-', 'dane-wrong',      'tls'],
  ['mandatory',     '-', 'notls',           'deferred'],
  ['mandatory',     '-', 'signed',          'tls'],
];
