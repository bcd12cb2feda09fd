import { X509Certificate } from 'node:crypto';
import type { FileReading } from '../haraka/config_files';
import { letRead } from '../../state/access';
import { run, type Mend } from '../schema/fault';
import type { Recorder } from './file';

export type RootsReading =
  | { readonly kind: 'roots'; readonly pem: string }
  | { readonly kind: 'wrong'; readonly problem: string; readonly mend?: Mend };

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates in a PEM file. Anything else in it (comments, other objects) is left out. */
export function readRoots(files: Recorder, name: string): RootsReading {
  return files.once(name, rootsIn);
}

function rootsIn(reading: FileReading): RootsReading {
  if (reading.kind === 'absent') return { kind: 'wrong', problem: 'no such file' };
  if (reading.kind === 'unreadable') return unreadable(reading);
  const certificates = reading.text.match(block) ?? [];
  if (certificates.length === 0) return { kind: 'wrong', problem: 'holds no PEM certificate' };
  const bad = certificates.findIndex((pem) => !isCertificate(pem));
  if (bad !== -1) return { kind: 'wrong', problem: `certificate ${bad + 1} in it is damaged` };
  return { kind: 'roots', pem: `${certificates.join('\n')}\n` };
}

function unreadable({ problem, denied }: Extract<FileReading, { kind: 'unreadable' }>): RootsReading {
  const mend = denied === undefined ? {} : { mend: run(letRead(denied, 'file')) };
  return { kind: 'wrong', problem: `cannot be read: ${problem}`, ...mend };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
