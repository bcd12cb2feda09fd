// Writes what is generated from the schema of the settings: the sample files in config/ and the tables in
// docs/configuration.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { domainSample, globalSample, renewReference } from '../src/settings/schema/sample';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const page = path.join(root, 'docs/configuration.md');

mkdirSync(path.join(root, 'config/tls-peers'), { recursive: true });
writeFileSync(path.join(root, 'config/tls-peers.ini'), globalSample());
writeFileSync(path.join(root, 'config/tls-peers/example.com.ini'), domainSample());
writeFileSync(
  page,
  await format(renewReference(readFileSync(page, 'utf8')), { parser: 'markdown', printWidth: 110 }),
);
