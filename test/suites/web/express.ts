/** An express of the operator's choice, where Haraka's `require('express')` finds it. */
import { mkdtempSync, rmSync, mkdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Installed {
  /** For `NODE_PATH`. */
  readonly directory: string;
  remove(): void;
}

export function installExpress(version: 4 | 5): Installed {
  const directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-express-'));
  const from = path.resolve(import.meta.dirname, '../../../node_modules', `express${version}`);
  mkdirSync(directory, { recursive: true });
  symlinkSync(from, path.join(directory, 'express'));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
