/** The zones that publish all states: one is signed, one is not. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { apex, falsify, signZone, type SignedZones } from '../../../haraka-test-harness/signed_zones';
import { domainOf, hostName, type HostSpec, type State } from './states';

/** @param addressOf of a place, by the state, the host and the number of the place */
export function publish(
  directory: string,
  states: readonly State[],
  addressOf: (state: State, host: HostSpec, place: number) => string,
): SignedZones {
  const lines: Record<'signed' | 'unsigned', string[]> = { signed: [], unsigned: [] };
  const wrong: [string, string][] = [];
  for (const state of states) {
    const domain = domainOf(state);
    if (state.fault === 'nxdomain') continue;
    const zone = lines[state.zone];
    if (state.fault === 'bogus_mx') wrong.push([`${domain}.`, 'MX']);
    zone.push(`_smtp._tls.${domain}. TXT "v=TLSRPTv1; rua=mailto:reports@lab"`);
    for (const [index, host] of state.hosts.entries()) {
      const name = hostName(state, host);
      zone.push(`${domain}. MX ${10 + 10 * index} ${name}.`);
      const target = host.fault === 'alias' ? `target.${name}` : name;
      const its = host.fault === 'insecure' ? lines.unsigned : zone;
      if (host.fault === 'alias') its.push(`${name}. CNAME ${target}.`);
      if (host.fault !== 'no_address')
        for (const place of host.places.keys()) its.push(`${target}. A ${addressOf(state, host, place)}`);
      for (const data of host.tlsa) its.push(`_25._tcp.${target}. TLSA ${data}`);
      if (host.fault === 'bogus_address') wrong.push([`${name}.`, 'A']);
      if (host.fault === 'bogus_tlsa') wrong.push([`_25._tcp.${name}.`, 'TLSA']);
    }
  }
  const text = `${apex('lab')}ns A 127.0.0.1\nunsigned NS ns\n${lines.signed.join('\n')}\n`;
  const { file, keyFile } = signZone(directory, 'lab', text);
  falsify(file, wrong);
  const unsigned = path.join(directory, 'unsigned.lab.signed');
  writeFileSync(unsigned, `${apex('unsigned.lab')}${lines.unsigned.join('\n')}\n`);
  return {
    files: new Map([
      ['lab', file],
      ['unsigned.lab', unsigned],
    ]),
    trustAnchor: keyFile,
  };
}
