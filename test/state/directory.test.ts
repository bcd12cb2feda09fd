import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareStateDirectory, useStateDirectory } from '../../src/state/directory';
import type { StateFault } from '../../src/state/state_fault';
import { presentOwner, type Owner } from '../../src/state/owner';

let parent: string;
let directory: string;
beforeEach(() => {
  parent = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'state-'));
  fs.chmodSync(parent, 0o755);
  directory = join(parent, 'mta-sts');
});
afterEach(() => fs.rmSync(parent, { recursive: true, force: true }));

const isRoot = process.getuid?.() === 0;
/** No user of this machine needs to have that number. */
const haraka: Owner = { uid: 54_321, gid: 54_322, name: 'haraka' };
const entry = `${'0'.repeat(64)}.json`;

const facts = (file: string) => {
  const { uid, gid, mode } = fs.lstatSync(file);
  return { uid, gid, mode: mode & 0o7777 };
};

function faultFor(owner: Owner): StateFault {
  const prepared = prepareStateDirectory(directory, owner);
  if (prepared.kind === 'ready') throw new Error('it is ready');
  return prepared.fault;
}

describe('the state directory', () => {
  it('is made with mode 0700, parents included, and is then left alone', () => {
    directory = join(parent, 'var/lib/mta-sts');
    expect(prepareStateDirectory(directory, presentOwner())).toEqual({ kind: 'ready' });
    expect(facts(directory).mode).toBe(0o700);
    const { ino, ctimeMs } = fs.lstatSync(directory);
    expect(prepareStateDirectory(directory, presentOwner())).toEqual({ kind: 'ready' });
    expect(fs.lstatSync(directory)).toMatchObject({ ino, ctimeMs });
  });

  it('is closed to others', () => {
    fs.mkdirSync(directory);
    fs.chmodSync(directory, 0o755);
    expect(prepareStateDirectory(directory, presentOwner())).toEqual({ kind: 'ready' });
    expect(facts(directory).mode).toBe(0o700);
  });

  it.each([
    ['a link', () => fs.symlinkSync(parent, directory), /is a link/],
    ['a file', () => fs.writeFileSync(directory, ''), /not a directory|ENOTDIR/],
  ])(
    'is not usable where %s stands in its place, and the fault names a command',
    async (_what, plant, why) => {
      plant();
      await expect(useStateDirectory(directory, presentOwner())).rejects.toThrow(why);
      expect(faultFor(presentOwner()).message).toMatch(why);
      expect(faultFor(presentOwner()).remedy).toContain(directory);
      expect(facts(parent).mode).toBe(0o755);
    },
  );

  it('is named in the command as a shell takes it', () => {
    directory = join(parent, "it's here");
    fs.writeFileSync(directory, '');
    expect(faultFor(presentOwner()).remedy).toContain(`'${parent}/it'\\''s here'`);
  });
});

describe.skipIf(!isRoot)(
  'root, before it becomes another user (SKIPPED where the tests do not run as root)',
  () => {
    it('makes the directory for that user, parents included', () => {
      directory = join(parent, 'lib/mta-sts');
      expect(prepareStateDirectory(directory, haraka)).toEqual({ kind: 'ready' });
      expect(facts(directory)).toEqual({ uid: haraka.uid, gid: haraka.gid, mode: 0o700 });
      expect(facts(join(parent, 'lib'))).toEqual({ uid: haraka.uid, gid: haraka.gid, mode: 0o700 });
      expect(facts(parent).uid).toBe(0);
    });

    it('keeps the group where smtp.ini names none', () => {
      prepareStateDirectory(directory, { ...haraka, gid: 'unchanged' });
      expect(facts(directory)).toEqual({ uid: haraka.uid, gid: 0, mode: 0o700 });
    });

    it('gives what an earlier start left as its own, files included', () => {
      fs.mkdirSync(directory, { mode: 0o700 });
      fs.writeFileSync(join(directory, entry), 'x', { mode: 0o600 });
      expect(prepareStateDirectory(directory, haraka)).toEqual({ kind: 'ready' });
      expect(facts(directory).uid).toBe(haraka.uid);
      expect(facts(join(directory, entry))).toEqual({ uid: haraka.uid, gid: haraka.gid, mode: 0o600 });
    });

    const refused: [what: string, make: () => void, why: RegExp][] = [
      [
        'holds other things',
        () => fs.writeFileSync(join(directory, 'passwd'), ''),
        /other things \(passwd\)/,
      ],
      ['holds a directory', () => fs.mkdirSync(join(directory, 'a.json')), /not a plain file/],
      ['holds a link', () => fs.symlinkSync('/etc/passwd', join(directory, 'a.json')), /ELOOP/],
      [
        'holds a second name of a file',
        () => {
          fs.writeFileSync(join(parent, 'other'), '');
          fs.linkSync(join(parent, 'other'), join(directory, 'a.json'));
        },
        /not a plain file/,
      ],
      ['others can enter', () => fs.chmodSync(directory, 0o711), /open to others/],
    ];
    it.each(refused)('gives away no directory of its own that %s', (_what, make, why) => {
      fs.mkdirSync(directory, { mode: 0o700 });
      make();
      const fault = faultFor(haraka);
      expect(fault.message).toMatch(why);
      expect(fault.remedy).toBe(`install -d -o haraka -m 700 ${directory} && chown -R haraka ${directory}`);
      expect(facts(directory).uid).toBe(0);
      expect(facts('/etc/passwd').uid).toBe(0);
    });

    it('gives away nothing that is a third user’s', () => {
      fs.mkdirSync(directory);
      fs.chownSync(directory, 54_999, 54_999);
      expect(faultFor(haraka).message).toContain('uid 54999');
      expect(facts(directory).uid).toBe(54_999);
    });

    it.each(['of that user', 'of root'])('does not follow a link %s in place of the directory', (whose) => {
      const target = join(parent, 'target');
      fs.mkdirSync(target, { mode: 0o700 });
      fs.symlinkSync(target, directory);
      if (whose === 'of that user') fs.lchownSync(directory, haraka.uid, haraka.uid);
      expect(faultFor(haraka).message).toContain('is a link');
      expect(facts(target)).toEqual({ uid: 0, gid: 0, mode: 0o700 });
    });

    it('follows no link on the way that the user can have put there, and makes nothing behind it', () => {
      const [install, target] = [join(parent, 'install'), join(parent, 'target')];
      fs.mkdirSync(install);
      fs.mkdirSync(target);
      fs.symlinkSync(target, join(install, 'state'));
      fs.chownSync(install, haraka.uid, haraka.uid);
      directory = join(install, 'state/mta-sts');
      expect(faultFor(haraka).message).toContain('state on the way');
      expect(fs.readdirSync(target)).toEqual([]);
    });

    it('follows a link on the way that only root can have put there, also a relative one', () => {
      fs.mkdirSync(join(parent, 'data/haraka'), { recursive: true });
      fs.mkdirSync(join(parent, 'srv'));
      fs.symlinkSync('../data/./haraka', join(parent, 'srv/state'));
      directory = join(parent, 'srv/state/mta-sts');
      expect(prepareStateDirectory(directory, haraka)).toEqual({ kind: 'ready' });
      expect(facts(join(parent, 'data/haraka/mta-sts')).uid).toBe(haraka.uid);
    });

    it('ends where links go round in circles', () => {
      fs.symlinkSync('b', join(parent, 'a'));
      fs.symlinkSync('a', join(parent, 'b'));
      directory = join(parent, 'a/mta-sts');
      expect(faultFor(haraka).message).toContain('ELOOP');
    });

    it('leaves alone what is in order, whatever leads there', () => {
      fs.mkdirSync(join(parent, 'real/mta-sts'), { recursive: true, mode: 0o700 });
      fs.chownSync(join(parent, 'real/mta-sts'), haraka.uid, haraka.uid);
      fs.symlinkSync('real', join(parent, 'current'));
      fs.lchownSync(join(parent, 'current'), haraka.uid, haraka.uid);
      directory = join(parent, 'current/mta-sts');
      expect(prepareStateDirectory(directory, haraka)).toEqual({ kind: 'ready' });
    });

    it('leaves no descriptor open', () => {
      const before = fs.readdirSync('/proc/self/fd').length;
      prepareStateDirectory(join(parent, 'a/b/c'), haraka);
      fs.symlinkSync(parent, directory);
      faultFor(haraka);
      expect(fs.readdirSync('/proc/self/fd')).toHaveLength(before);
    });
  },
);
