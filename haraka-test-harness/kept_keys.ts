/** Private keys that are dear to make, kept from one run of the tests to the next. They guard nothing. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const directory = path.resolve(import.meta.dirname, '../node_modules/.cache/tls-peers-keys');

/** @returns what `make` made when it was first called for `name`, a PEM; anew where that cannot be kept */
export function keptKey(name: string, make: () => string): string {
  const file = path.join(directory, `${name}.pem`);
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Nobody has made it yet, or nobody may.
  }
  const pem = make();
  const temporary = `${file}.${process.pid}`;
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(temporary, pem, { mode: 0o600 });
    renameSync(temporary, file);
  } catch {
    rmSync(temporary, { force: true });
  }
  return pem;
}
