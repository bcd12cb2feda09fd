/** Resolvers that are probably not what was meant. Pure. */
import { parseAddress } from '../../peers/network';
import { fault, type Fault } from '../schema/fault';
import { openFile } from '../load/file';
import { globalFile, type SettingsSource } from '../load/source';

/** Ports on which resolvers listen. */
const ports = '53|853|5300|5335|5353';

/** `::1:53` is an address by itself; whoever writes it means port 53. */
export function portsWithinAddresses(source: SettingsSource): Fault[] {
  const reading = source.read(globalFile);
  if (reading.kind !== 'file') return [];
  const { sections } = openFile(source, globalFile, reading.text).located;
  const at = sections.find(({ name }) => name === 'resolver')?.keys.get('servers');
  if (at === undefined) return [];
  return at.texts.flatMap((text, index) =>
    text.split(/[\s,]+/).flatMap((value) => {
      const suggestion = withPort(value);
      if (suggestion === '') return [];
      const line = at.lines[index] ?? at.line;
      const problem = 'is an address without a port';
      return [
        fault({ file: globalFile, line, section: 'resolver', key: 'servers', value, problem, suggestion }),
      ];
    }),
  );
}

/** Empty where no port seems to be meant. */
function withPort(value: string): string {
  const [, address = '', port = ''] = new RegExp(`^(.*:.*):(${ports})$`).exec(value) ?? [];
  const both = parseAddress(value) !== undefined && parseAddress(address) !== undefined;
  return both ? `[${address}]:${port}` : '';
}
