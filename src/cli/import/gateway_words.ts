/** Names and values as the lists of other gateways have them, in this suite's own words. Pure. */
import { postfixLevels } from '../../settings/schema/keys';
import { securityLevels } from '../../peers/rule';

/** Columns of other gateways, folded as `folded` does. */
const columnNames: Readonly<Record<string, string>> = {
  tls_peer: 'peer',
  domain: 'peer',
  minimum_tls_version: 'min_tls_version',
  min_version: 'min_tls_version',
  tls_version: 'min_tls_version',
  tls_level: 'security_level',
  tls_security_level: 'security_level',
  description: 'comment',
  remark: 'comment',
};

/** `Security level` is `security_level`. */
export function columnOf(text: string): string {
  const name = folded(text);
  return translated(columnNames, name, name);
}

/** A value in this suite's words; what is not known stays as it is, and is then found wrong. */
export function valueOf(column: string, text: string): string {
  switch (column) {
    case 'security_level':
      return level(text);
    case 'min_tls_version':
      return version(text);
    case 'status':
      return translated(statusWords, folded(text), text);
    case 'direction':
      return translated(directionWords, folded(text), text);
    default:
      return text;
  }
}

const statusWords: Readonly<Record<string, string>> = {
  enabled: 'enabled',
  disabled: 'disabled',
  active: 'enabled',
  on: 'enabled',
  yes: 'enabled',
  true: 'enabled',
  inactive: 'disabled',
  off: 'disabled',
  no: 'disabled',
  false: 'disabled',
};

const directionWords: Readonly<Record<string, string>> = {
  out: 'outbound',
  outgoing: 'outbound',
  in: 'inbound',
  incoming: 'inbound',
};

/** Words of other gateways for a level that is one of ours. */
const levelWords: Readonly<Record<string, string>> = {
  no_tls: 'none',
  preferred: 'opportunistic',
  required: 'mandatory',
  required_verify: 'verify',
  dane: 'opportunistic_dane',
  dane_only: 'mandatory_dane',
  mtasts: 'mta_sts',
};

function level(text: string): string {
  if (Object.hasOwn(postfixLevels, text.toLowerCase())) return text;
  const word = folded(text).replace(/^tls_|(?<=.)_tls$/g, '');
  const own = securityLevels.find((one) => one === word);
  return own ?? translated(levelWords, word, text);
}

/** `No restriction`, `TLS 1.3`, `TLSv1.2`, `1.2 or higher`. What is no version is never taken for a lower one. */
function version(text: string): string {
  if (/^(?:no restrictions?|any|all)$/i.test(text)) return 'none';
  const found =
    /^(?:tls)?[\s_-]*v?(1(?:\.[0-3])?)(?:\s*\+|\s+(?:or|and)\s+(?:higher|later|newer|above))?$/i.exec(
      text,
    )?.[1];
  return found === undefined ? text : found === '1' ? '1.0' : found;
}

function translated(words: Readonly<Record<string, string>>, word: string, otherwise: string): string {
  return Object.hasOwn(words, word) ? (words[word] ?? otherwise) : otherwise;
}

function folded(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '');
}
