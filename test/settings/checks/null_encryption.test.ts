import { describe, expect, it } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { formatFault } from '../../../src/settings/schema/fault';
import { loadSettings } from '../../../src/settings/load/load';
import { memorySource } from '../memory_source';
import { findingsIn } from './findings';

function faults(tlsIni: string): string[] {
  const source = memorySource(tlsIni === '' ? {} : { 'tls.ini': tlsIni });
  return findingsIn(source, loadSettings(source).settings, utcDay(new Date('2026-01-01'))).faults.map(
    formatFault,
  );
}

describe('ciphers without encryption in tls.ini', { tags: ['regression'] }, () => {
  it.each([
    '',
    'key = tls_key.pem\n',
    'ciphers = HIGH:!eNULL\n',
    'ciphers = DEFAULT@SECLEVEL=0\n[outbound]\nciphers = ALL\n',
    ';ciphers = eNULL\n',
  ])('are not there in %j', (tlsIni) => {
    expect(faults(tlsIni)).toEqual([]);
  });

  it('are a fault at the line that admits them, in each section', () => {
    const found = faults(
      'minVersion = TLSv1\nciphers = ALL:eNULL@SECLEVEL=0\n[outbound]\nciphers = TLS_SHA256_SHA256:HIGH\n',
    );
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/^tls\.ini:2: ciphers.*eNULL does not encrypt.*ends in :!eNULL/s);
    expect(found[1]).toMatch(/^tls\.ini:4: \[outbound\]: ciphers.*TLS_SHA256_SHA256 does not encrypt/s);
  });
});
