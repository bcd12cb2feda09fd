import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { letRead } from '../../src/state/access';

test('a directory of keys stays one that its owner can enter', () => {
  const base = mkdtempSync(path.join(os.tmpdir(), 'access-'));
  try {
    const [directory, file] = [path.join(base, 'tls'), path.join(base, 'key.pem')];
    mkdirSync(directory);
    writeFileSync(file, '');
    expect(letRead(directory, 'secret')).toMatch(/ && chmod 700 \S+tls$/);
    expect(letRead(file, 'secret')).toMatch(/ && chmod 600 \S+key\.pem$/);
  } finally {
    rmSync(base, { recursive: true });
  }
});
