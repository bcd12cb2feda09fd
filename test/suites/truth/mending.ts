/** Does what a finding says, to the letter. */
import { execFileSync } from 'node:child_process';
import type { Mend } from '../../../src/settings/schema/fault';
import { callIn } from '../../cli/lab_call';
import type { Install } from './install';

/** @returns what was done, in words */
export async function follow(install: Install, mend: Mend | { readonly kind: 'unknown' }): Promise<string> {
  switch (mend.kind) {
    case 'unknown':
      throw new Error('the finding does not say what mends it');
    case 'run': {
      const [, domain] = /^tls-peers records (\S+)$/.exec(mend.command) ?? [];
      if (domain === undefined) execFileSync('sh', ['-ec', mend.command], { stdio: 'pipe' });
      else await publish(install, domain);
      return mend.command;
    }
    case 'write': {
      const name = `config/${mend.file}`;
      install.write(name, mend.section === '' ? withLine(install, mend) : withKey(install, mend));
      return `${mend.line} in [${mend.section}] of ${mend.file}`;
    }
  }
}

type Writing = Extract<Mend, { kind: 'write' }>;

function withLine(install: Install, { file, line, above }: Writing): string {
  const others = textOf(install, `config/${file}`)
    .split('\n')
    .filter((one) => one !== line && one !== '');
  const place = above === undefined ? others.length : others.indexOf(above);
  return `${[...others.slice(0, place), line, ...others.slice(place)].join('\n')}\n`;
}

/** A key of the same name in the section is replaced, but for one of a list. */
function withKey(install: Install, { file, section, line }: Writing): string {
  const key = line.slice(0, line.indexOf('=')).trim();
  const lines: string[] = [];
  let current = '';
  let found = false;
  for (const one of textOf(install, `config/${file}`).split('\n')) {
    current = /^\[(.*)\]$/.exec(one)?.[1] ?? current;
    const isSame = current === section && !key.endsWith('[]') && one.split('=')[0]?.trim() === key;
    if (!isSame) lines.push(one);
    if (one === `[${section}]` && !found) {
      lines.push(line);
      found = true;
    }
  }
  return found ? lines.join('\n') : `${lines.join('\n')}\n[${section}]\n${line}\n`;
}

function textOf(install: Install, name: string): string {
  try {
    return install.read(name);
  } catch {
    return '';
  }
}

/** Puts the TLSA records that the command prints into the zone, in place of those that are there. */
async function publish({ lab }: Install, domain: string): Promise<void> {
  const { out } = await callIn(lab, ['records', '--json', domain]);
  const { records } = JSON.parse(out) as { records: { owner: string; type: string; data: string }[] };
  const owners = new Set(records.filter(({ type }) => type === 'TLSA').map(({ owner }) => owner));
  for (const name of owners) {
    const tlsa = records
      .filter(({ owner, type }) => owner === name && type === 'TLSA')
      .map(({ data }) => {
        const [usage = '', selector = '', matchingType = '', hex = ''] = data.split(' ');
        const numbers = {
          usage: Number(usage),
          selector: Number(selector),
          matchingType: Number(matchingType),
        };
        return { type: 'TLSA' as const, ...numbers, data: Buffer.from(hex, 'hex') };
      });
    lab.dns.set({ name, type: 'TLSA', records: tlsa });
  }
}
