import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { utcDay } from '../../../src/peers/day';
import { outboundRule } from '../../../src/peers/rules';
import { loadSettings } from '../../../src/settings/load/load';
import { directorySource } from '../../../src/settings/load/source';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tls-peers-source-'));
  mkdirSync(path.join(directory, 'tls-peers'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const at = (...parts: string[]) => path.join(directory, ...parts);
const load = () => loadSettings(directorySource(directory));
const rule = (sender: string) =>
  outboundRule(load().settings, sender, 'peer.example', utcDay(new Date('2026-01-01')));
const toNowhere = (...parts: string[]) => symlinkSync('/nonexistent/of/tls-peers', at(...parts));
const faults = () => load().faults.map(({ file, problem }) => `${file}: ${problem}`);
const linkFault = (file: string) => `${file}: cannot be read: it is a link to something that does not exist`;

test('a file of a managed domain that is a link to nowhere holds back that domain', () => {
  toNowhere('tls-peers', 'ours.example.ini');
  expect(faults()).toEqual([linkFault('tls-peers/ours.example.ini')]);
  expect(rule('ours.example').kind).toBe('invalid');
  expect(rule('other.example').kind).toBe('rule');
});

test('a global file that is a link to nowhere holds back everything', () => {
  toNowhere('tls-peers.ini');
  expect(faults()).toEqual([linkFault('tls-peers.ini')]);
  expect(rule('other.example').kind).toBe('invalid');
});

test('a directory that is a link to nowhere holds back everything', () => {
  rmSync(at('tls-peers'), { recursive: true });
  toNowhere('tls-peers');
  expect(faults()).toEqual([linkFault('tls-peers/')]);
  expect(rule('other.example').kind).toBe('invalid');
});

test('what is not there at all is no fault', () => {
  rmSync(at('tls-peers'), { recursive: true });
  expect(faults()).toEqual([]);
  expect(rule('other.example').kind).toBe('rule');
});

test('the stamp tells a file, a link to nowhere and nothing from one another', () => {
  const source = directorySource(directory);
  const stamps = [source.stamp([])];
  toNowhere('tls-peers.ini');
  stamps.push(source.stamp([]));
  rmSync(at('tls-peers.ini'));
  writeFileSync(at('tls-peers.ini'), '');
  stamps.push(source.stamp([]));
  expect(new Set(stamps).size).toBe(3);
});
