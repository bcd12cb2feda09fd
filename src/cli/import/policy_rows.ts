/**
 * Peers from a table of Postfix's smtp_tls_policy_maps (postconf(5), TLS_README). Pure.
 *
 * Postfix looks for the recipient's domain, then for `.parent` and so on upwards: names and wildcards of ours. Keys such as
 * `[host]:port` fit next hops that transport maps name, and nothing else.
 */
import { closest } from '../../settings/schema/closest';
import type { Fault } from '../../settings/schema/fault';
import { printable } from '../../text';
import { identity } from '../peer_rows';
import { twice, type Given, type Incoming, type IncomingRow, type LeftOut } from './incoming';
import { parsePolicyMap, type PolicyEntry, type Token } from './policy_map';
import { minimumOf } from './policy_protocols';
import { levels, repeatable, whyNoPeer, withoutCounterpart } from './policy_words';

/** @param file for faults @param scope of each section; empty for a managed domain's file, where there is none */
export function rowsFromPolicyMap(file: string, text: string, scope: string): Incoming {
  const { entries, stray } = parsePolicyMap(text);
  const read = entries.map((entry) => new EntryReader(file, entry, scope).read());
  const rows = read.flatMap(({ row }) => (row === undefined ? [] : [row]));
  const faults = [
    ...stray.map(({ line, text: value }) => ({
      file,
      line,
      value,
      problem: `goes on with no line: ${printable(value)}`,
    })),
    ...read.flatMap((one) => one.faults),
    ...twice(file, rows, identity),
  ];
  const first = new Map([...rows].reverse().map((row) => [identity(row), row]));
  return {
    rows: [...first.values()].reverse(),
    faults: faults.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)),
    leftOut: read.flatMap((one) => one.leftOut),
  };
}

interface ReadEntry {
  /** `undefined` where there is none to make: what is missing is then among the faults or what is left out. */
  readonly row: IncomingRow | undefined;
  readonly faults: readonly Fault[];
  readonly leftOut: readonly LeftOut[];
}

class EntryReader {
  readonly #keys: Record<string, string>;
  readonly #given: Record<string, Given> = {};
  readonly #faults: Fault[] = [];
  readonly #leftOut: LeftOut[] = [];
  readonly #seen = new Set<string>();
  #level = '';

  readonly #file: string;
  readonly #entry: PolicyEntry;

  constructor(file: string, entry: PolicyEntry, scope: string) {
    this.#file = file;
    this.#entry = entry;
    // An entry is the whole of a policy: what it does not say is not to stay from before.
    this.#keys = { security_level: '', min_tls_version: '', match: '', fingerprints: '' };
    if (scope !== '') this.#keys['scope'] = scope;
  }

  read(): ReadEntry {
    const { key, line } = this.#entry;
    const why = whyNoPeer(key);
    if (why !== undefined) {
      this.#leave('entry', { text: key, line }, 'destination', why);
      return { row: undefined, faults: [], leftOut: this.#leftOut };
    }
    this.#policy();
    const isLeft = this.#leftOut.some(({ what }) => what === 'entry');
    const row = isLeft || this.#faults.length > 0 ? undefined : this.#row();
    return { row, faults: this.#faults, leftOut: this.#leftOut };
  }

  #row(): IncomingRow {
    const { key, line } = this.#entry;
    const peer = key.startsWith('.') ? `*${key}` : key;
    const peerText = { name: 'destination', text: key, line };
    return { peer, direction: 'outbound', keys: this.#keys, line, peerText, given: this.#given };
  }

  #policy(): void {
    const { key, line, tokens } = this.#entry;
    const [first, ...attributes] = tokens;
    if (first === undefined) {
      this.#fault({ text: key, line }, 'destination', 'has no level', Object.keys(levels).join(', '));
      return;
    }
    const level = first.text.toLowerCase();
    const found = Object.hasOwn(levels, level) ? levels[level] : undefined;
    if (found === undefined) {
      const names = Object.keys(levels);
      this.#fault(first, 'level', 'no such level', names.join(', '), closest(level, names));
    } else {
      this.#level = level;
      this.#set('security_level', found.level, 'level', first);
      if (found.match !== '') this.#keys['match'] = found.match;
    }
    for (const token of attributes) this.#attribute(token);
    if (level === 'fingerprint' && !this.#seen.has('match')) {
      this.#leave('entry', first, 'level', 'its fingerprints stand in main.cf: write them behind match=');
    }
  }

  #attribute(token: Token): void {
    if (this.#level === 'none') {
      this.#leave('detail', token, 'attribute', 'has no effect at none, in Postfix neither');
      return;
    }
    const [, name = '', value = ''] = /^\{?\s*([^=\s]+)\s*=\s*(.*?)\s*\}?$/.exec(token.text) ?? [];
    const attribute = name.toLowerCase();
    const at = { text: value, line: token.line };
    if (attribute === '') {
      this.#fault(
        token,
        'attribute',
        'no name=value: a comma ends an attribute (protocols are joined by colons), and blanks stand around no =',
      );
      return;
    }
    if (this.#seen.has(attribute) && !repeatable.has(attribute))
      this.#fault(at, attribute, 'stands twice in one policy');
    this.#seen.add(attribute);
    if (value === '' && attribute !== 'protocols' && attribute !== 'exclude') {
      this.#fault(token, 'attribute', 'has no value');
      return;
    }
    this.#meaning(attribute, at);
  }

  #meaning(name: string, at: Token): void {
    switch (name) {
      case 'match':
        this.#match(at);
        break;
      case 'protocols':
        this.#protocols(at);
        break;
      case 'servername':
        if (at.text.toLowerCase() !== 'hostname')
          this.#leave(
            'detail',
            at,
            name,
            'the name that is sent (SNI) is always that of the MX host, or of its TLSA base',
          );
        break;
      case 'tafile':
        this.#leave(
          'entry',
          at,
          name,
          "ca_file adds to the system's roots, and does not replace them: write this section by hand",
        );
        break;
      default: {
        const why = Object.hasOwn(withoutCounterpart, name) ? withoutCounterpart[name] : undefined;
        const known = ['match', 'protocols', 'servername', 'tafile', ...Object.keys(withoutCounterpart)];
        if (why !== undefined) this.#leave('detail', at, name, why);
        else
          this.#fault(
            { ...at, text: name },
            'attribute',
            'no such attribute',
            known.join(', '),
            closest(name, known),
          );
      }
    }
  }

  #match(at: Token): void {
    if (this.#level === 'fingerprint') {
      const digests = at.text.split('|').map((one) => one.trim());
      const wrong = digests.filter((one) => !/^[0-9a-f]{64}$/i.test(one.replaceAll(':', '')));
      for (const text of wrong)
        this.#fault({ ...at, text }, 'match', 'no SHA-256 (smtp_tls_fingerprint_digest = sha256)');
      this.#append('fingerprints', digests, at);
      this.#leave(
        'detail',
        at,
        'match',
        'a digest of a public key, which Postfix takes as well, would match nothing: it is held against the certificate alone',
      );
    } else if (this.#level === 'verify' || this.#level === 'secure') {
      // What is written replaces the level's own.
      if (this.#given['match'] === undefined) this.#keys['match'] = '';
      const names = at.text.split(':').filter((one) => one !== '');
      this.#append(
        'match',
        names.map((one) => (one.startsWith('.') ? `*${one}` : one)),
        at,
      );
    } else if (this.#level !== '') {
      this.#fault(at, 'match', `not at ${this.#level}: only at verify, secure and fingerprint`);
    }
  }

  #append(key: string, values: readonly string[], at: Token): void {
    const before = this.#keys[key] ?? '';
    const texts = [this.#given[key]?.text ?? '', at.text].filter((text) => text !== '');
    this.#set(key, [...(before === '' ? [] : [before]), ...values].join(', '), 'match', {
      ...at,
      text: texts.join(' '),
    });
  }

  #protocols(at: Token): void {
    const reading = minimumOf(at.text);
    if (reading.kind === 'wrong') {
      this.#fault(at, 'protocols', reading.problem);
      return;
    }
    this.#set('min_tls_version', reading.version, 'protocols', at);
    if (!reading.exact)
      this.#leave(
        'detail',
        at,
        'protocols',
        `later versions cannot be kept out: min_tls_version = ${reading.version}`,
      );
  }

  #set(key: string, value: string, name: string, { text, line }: Token): void {
    this.#keys[key] = value;
    this.#given[key] = { name, text, line };
  }

  #fault({ text, line }: Token, key: string, problem: string, allowed?: string, suggestion?: string): void {
    this.#faults.push({ file: this.#file, line, key, value: text, problem, allowed, suggestion });
  }

  #leave(what: LeftOut['what'], { text, line }: Token, key: string, problem: string): void {
    this.#leftOut.push({ what, fault: { file: this.#file, line, key, value: text, problem } });
  }
}
