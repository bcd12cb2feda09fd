/** The sample files in `config/` and the tables of the reference page, written from the schema. Pure. */
import { domainSections, globalSections, type Key, type Keys, type SectionSpec } from './keys';

/** Generated text stands in the reference page between two comments that bear this word. */
const mark = 'generated from the schema';

/** `config/tls-peers.ini`: every key of the global file as a comment that shows its default. */
export function globalSample(): string {
  return lines([
    comment('TLS rules per peer. Every key is shown with its default; remove the ; to change it.'),
    comment('Comments need lines of their own. Changes take effect without a restart.'),
    comment('Check with: tls-peers lint'),
    '',
    ...Object.entries(globalSections).flatMap(([name, spec]) => sampleSection(name, spec)),
  ]);
}

/** `config/tls-peers/example.com.ini`: the file of a managed domain, with sections for peers as comments. */
export function domainSample(): string {
  const { main, ...sections } = domainSections;
  return lines([
    comment('One managed domain. Name a copy of this file for the domain itself: tls-peers/<domain>.ini'),
    comment('What a peer does not set comes from [outbound] or [inbound] here, and then from tls-peers.ini.'),
    '',
    ...keyLines(main.keys),
    ...Object.entries(sections).flatMap(([name, spec]) =>
      sampleSection(name, spec, name === 'mta_sts' ? ';' : ''),
    ),
  ]);
}

const samplePeers: Readonly<Record<string, string>> = {
  'outbound PEER': 'outbound partner.example',
  'inbound PEER': 'inbound 203.0.113.0/24',
};

/** Headers that would change something by themselves are comments in the sample. */
function sampleSection(name: string, spec: SectionSpec, off = ''): string[] {
  const peer = samplePeers[name];
  if (peer !== undefined)
    return [...comments(spec.meaning), `;[${peer}]`, ...Object.entries(spec.keys).map(bare), ''];
  return section(name, spec, off);
}

function section(name: string, spec: SectionSpec, off: string): string[] {
  return [...comments(spec.meaning), `${off}[${name}]`, '', ...keyLines(spec.keys)];
}

function keyLines(keys: Keys): string[] {
  return Object.entries(keys).flatMap(([name, key]) => [
    ...comments(key.meaning),
    comment(`Allowed: ${key.type.allowed}`),
    bare([name, key]),
    '',
  ]);
}

function bare([name, key]: [string, Key<unknown>]): string {
  return `;${name} = ${key.initial}`.trimEnd();
}

function comment(text: string): string {
  return `; ${text}`;
}

function comments(text: string): string[] {
  return wrap(text.replaceAll('`', ''), 100).map(comment);
}

function wrap(text: string, width: number): string[] {
  const out: string[] = [];
  for (const word of text.split(' ')) {
    const last = out.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) out[out.length - 1] = `${last} ${word}`;
    else out.push(word);
  }
  return out;
}

function lines(of: readonly string[]): string {
  return `${of.join('\n').trimEnd()}\n`;
}

/** `page` with its generated parts renewed. */
export function renewReference(page: string): string {
  return replaceMarked(replaceMarked(page, 'global', globalTables()), 'domain', domainTables());
}

function replaceMarked(page: string, part: string, text: string): string {
  const begin = `<!-- ${part}: ${mark} -->`;
  const end = `<!-- ${part}: end -->`;
  const [start, stop] = [page.indexOf(begin), page.indexOf(end)];
  if (start === -1 || stop < start) throw new Error(`the page lacks the comments of its part ${part}`);
  return `${page.slice(0, start + begin.length)}\n\n${text}\n\n${page.slice(stop)}`;
}

function globalTables(): string {
  const { outbound, inbound, ...others } = globalSections;
  const { 'outbound PEER': outboundPeer, 'inbound PEER': inboundPeer, ...rest } = others;
  return [
    table('`[outbound]`', outbound),
    table('`[outbound PEER]`', besides(outboundPeer, outbound)),
    table('`[inbound]`', inbound),
    table('`[inbound PEER]`', besides(inboundPeer, inbound)),
    ...Object.entries(rest).map(([name, spec]) => table(`\`[${name}]\``, spec)),
  ].join('\n\n');
}

/** Only the keys that `of` does not have. */
function besides({ keys, meaning }: SectionSpec, of: SectionSpec): SectionSpec {
  const own = Object.entries(keys).filter(([name]) => !(name in of.keys));
  const except = Object.keys(of.keys).filter((name) => !(name in keys));
  const save = except.length === 0 ? '' : `, save for ${except.map((name) => `\`${name}\``).join(' and ')}`;
  return {
    meaning: `${meaning} All keys of the default above${save}, and these:`,
    keys: Object.fromEntries(own),
  };
}

function domainTables(): string {
  const { outbound, inbound, ...others } = domainSections;
  // The defaults hold the keys of a peer, save for `status`; one table is enough for both.
  const { 'outbound PEER': outboundPeer, 'inbound PEER': inboundPeer, main, mta_sts } = others;
  return [
    table('Above the first section', main),
    table('`[outbound]` and `[outbound PEER]`', both(outbound, outboundPeer)),
    table('`[inbound]` and `[inbound PEER]`', both(inbound, inboundPeer)),
    table('`[mta_sts]`', mta_sts),
  ].join('\n\n');
}

function both(section: SectionSpec, peer: SectionSpec): SectionSpec {
  return {
    meaning: `Without a peer: ${lowerFirst(section.meaning)} With one: ${lowerFirst(peer.meaning)} \`status\` stands with a peer only.`,
    keys: peer.keys,
  };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function table(title: string, spec: SectionSpec): string {
  const rows = Object.entries(spec.keys).map(([name, key]) => {
    const cells = [
      `\`${name}\``,
      key.initial === '' ? '' : `\`${key.initial}\``,
      key.type.allowed,
      key.meaning,
    ];
    return `| ${cells.map(cell).join(' | ')} |`;
  });
  const head = ['| key | default | allowed | meaning |', '| --- | --- | --- | --- |'];
  return [`### ${title}`, '', spec.meaning, '', ...head, ...rows].join('\n');
}

/** `*.` would open an emphasis, `|` would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/(?<!`[^`]*)\*\./g, '`*.`');
}
