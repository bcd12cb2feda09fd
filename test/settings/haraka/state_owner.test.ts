import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownerOfInstall } from '../../../src/settings/haraka/state_owner';
import { memorySource } from '../memory_source';

const isRoot = process.geteuid?.() === 0;
if (!isRoot) process.stderr.write('SKIPPED: whose an install is, which needs to be root\n');

describe.skipIf(!isRoot)('whose an install is, where root asks', () => {
  let install: string;
  const queueOf = (uid: number): void => {
    mkdirSync(path.join(install, 'queue'));
    chownSync(path.join(install, 'queue'), uid, 54_322);
  };
  const uid = (smtpIni: string): number => ownerOfInstall(install, memorySource({ 'smtp.ini': smtpIni })).uid;
  beforeEach(() => {
    install = mkdtempSync(path.join(tmpdir(), 'tls-peers-owner-'));
  });
  afterEach(() => rmSync(install, { recursive: true }));

  it('is the user of smtp.ini, whose ever the queue is', () => {
    queueOf(54_321);
    expect(uid('user = 54323\n')).toBe(54_323);
  });

  it('without one it is the user whose the queue is: a service manager made Haraka that user', () => {
    queueOf(54_321);
    expect(ownerOfInstall(install, memorySource({}))).toEqual({ uid: 54_321, gid: 54_322, name: '54321' });
  });

  it('is root where the queue is root’s, and where there is none', () => {
    expect(uid('')).toBe(0);
    queueOf(0);
    expect(uid('')).toBe(0);
  });
});
