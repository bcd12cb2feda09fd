/**
 * The zones of the DNSSEC scenarios, signed when the tests start: `lab` (ECDSA, NSEC) is the trust anchor; below it are
 * `nsec3.lab` (RSA, NSEC3), `unsigned.lab` (an insecure delegation), `broken.lab` (some signatures are wrong) and
 * `expired.lab` (all signatures are too old).
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  apex,
  falsify,
  signZone,
  type SignedZones,
  type Signing,
} from '../../../haraka-test-harness/signed_zones';

const digest = (octet: string) => octet.repeat(32);
const tlsa = (octet: string) => `TLSA 3 1 1 ${digest(octet)}`;

const lab = `${apex('lab')}
ns A 127.0.0.1
; A secure MX RRset, secure addresses, usable TLSA.
good MX 10 mx
mx A 192.0.2.1
mx AAAA 2001:db8::1
_25._tcp.mx ${tlsa('01')}
_mta-sts.good TXT "v=STSv1; " "id=1;"
; Denials of TLSA: the name does not exist, and the name exists with other data.
nx MX 10 mx-nx
mx-nx A 192.0.2.2
nodata MX 10 mx-nodata
mx-nodata A 192.0.2.3
_25._tcp.mx-nodata TXT "no TLSA here"
; TLSA by a wildcard.
wild MX 10 mx-wild
mx-wild A 192.0.2.4
*._tcp.mx-wild ${tlsa('02')}
; A host in a zone that is not signed.
mixed MX 10 mx.unsigned
; Aliases: into an insecure zone with TLSA at the alias, without, and secure throughout.
alias MX 10 mx-alias
mx-alias CNAME mx.unsigned
_25._tcp.mx-alias ${tlsa('03')}
bare MX 10 mx-bare
mx-bare CNAME mx.unsigned
expand MX 10 mx-expand
mx-expand CNAME mx
original MX 10 mx-original
mx-original CNAME mx-nx
_25._tcp.mx-original ${tlsa('04')}
; Hosts whose data does not validate.
badaddr MX 10 badaddr.broken
badtlsa MX 10 badtlsa.broken
; A TLSA RRset that no datagram holds.
big MX 10 mx-big
mx-big A 192.0.2.5
${Array.from({ length: 60 }, (_, i) => `_25._tcp.mx-big ${tlsa((i + 16).toString(16))}`).join('\n')}
; No MX RRset, a null MX, hosts of which one has only IPv6.
implicit A 192.0.2.6
_25._tcp.implicit ${tlsa('05')}
null MX 0 .
two MX 10 mx
two MX 20 mx-six
mx-six AAAA 2001:db8::6
_25._tcp.mx-six ${tlsa('06')}
; Delegations.
nsec3 NS ns
unsigned NS ns
broken NS ns
expired NS ns
`;

const nsec3 = `${apex('nsec3.lab')}
@ MX 10 mx
mx A 192.0.2.17
nx MX 10 mx-nx
mx-nx A 192.0.2.18
nodata MX 10 mx-nodata
mx-nodata A 192.0.2.19
_25._tcp.mx-nodata TXT "no TLSA here"
wild MX 10 mx-wild
mx-wild A 192.0.2.20
*._tcp.mx-wild ${tlsa('11')}
_25._tcp.mx ${tlsa('12')}
`;

const unsigned = `${apex('unsigned.lab')}
@ MX 10 mx
mx A 192.0.2.33
_25._tcp.mx ${tlsa('21')}
`;

const broken = `${apex('broken.lab')}
@ MX 10 mx
mx A 192.0.2.49
badaddr A 192.0.2.50
badtlsa A 192.0.2.51
_25._tcp.badtlsa ${tlsa('31')}
`;

const expired = `${apex('expired.lab')}
@ MX 10 mx
mx A 192.0.2.65
`;

/** Whose signatures are made wrong: an owner name and the type covered. */
const wrongSignatures: readonly (readonly [owner: string, type: string])[] = [
  ['broken.lab.', 'MX'],
  ['badaddr.broken.lab.', 'A'],
  ['_25._tcp.badtlsa.broken.lab.', 'TLSA'],
];

/** Writes and signs all zones in `directory`. */
export function signZones(directory: string): SignedZones {
  const sign = (zone: string, text: string, options: readonly string[], algorithm?: Signing['algorithm']) =>
    signZone(directory, zone, text, { algorithm: algorithm ?? 'ECDSAP256SHA256', options });
  const delegated = [
    sign('nsec3.lab', nsec3, ['-n', '-t', '0'], 'RSASHA256'),
    sign('broken.lab', broken, []),
    sign('expired.lab', expired, ['-i', '20200101', '-e', '20200201']),
  ].map(({ delegation }) => delegation);
  const anchor = sign('lab', `${lab}\n${delegated.join('\n')}\n`, []);
  writeFileSync(path.join(directory, 'unsigned.lab.signed'), unsigned);
  falsify(path.join(directory, 'broken.lab.signed'), wrongSignatures);

  const zones = ['lab', 'nsec3.lab', 'unsigned.lab', 'broken.lab', 'expired.lab'];
  return {
    files: new Map(zones.map((zone) => [zone, path.join(directory, `${zone}.signed`)])),
    trustAnchor: anchor.keyFile,
  };
}
