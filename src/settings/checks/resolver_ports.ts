/** Resolvers that are probably not what was meant. Pure. */
import { parseAddress } from '../../peers/network';
import type { ConfigFiles } from '../haraka/config_files';
import { openIfReadable } from '../load/file';
import { globalFile } from '../load/source';
import type { Fault } from '../schema/fault';

/** Ports on which resolvers listen. */
const ports = '53|853|5300|5335|5353';

/** `::1:53` is an address by itself; whoever writes it means port 53. */
export function resolverPorts(source: ConfigFiles): Fault[] {
  const file = openIfReadable(source, globalFile);
  const at = file?.located.sections.find(({ name }) => name === 'resolver')?.keys.get('servers');
  if (at === undefined) return [];
  return at.texts.flatMap((text, index) =>
    text.split(/[\s,]+/).flatMap((value) => {
      const suggestion = withPort(value);
      if (suggestion === undefined) return [];
      const line = at.lines[index] ?? at.line;
      const problem = 'is an address without a port';
      return [{ file: globalFile, line, section: 'resolver', key: 'servers', value, problem, suggestion }];
    }),
  );
}

/** `undefined` where no port seems to be meant. */
function withPort(value: string): string | undefined {
  const [, address = '', port = ''] = new RegExp(`^(.*:.*):(${ports})$`).exec(value) ?? [];
  const both = parseAddress(value) !== undefined && parseAddress(address) !== undefined;
  return both ? `[${address}]:${port}` : undefined;
}
