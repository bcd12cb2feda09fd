import { userInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { changesUser, futureOwner, presentOwner } from '../../src/state/owner';

describe('who the process will be', () => {
  it('is who it is where smtp.ini names nobody', () => {
    for (const nobody of [{}, { user: undefined }, { user: '' }, { group: '' }]) {
      expect(changesUser(nobody)).toBe(false);
      expect(futureOwner(nobody)).toEqual(presentOwner());
    }
    expect(presentOwner()).toMatchObject({ uid: process.getuid?.(), name: userInfo().username });
  });

  it('is the user of that name or number, and the group', () => {
    expect(futureOwner({ user: 'root', group: 'root' })).toEqual({ uid: 0, gid: 0, name: 'root' });
    expect(futureOwner({ user: 4321 })).toEqual({ uid: 4321, gid: 'unchanged', name: '4321' });
    expect(futureOwner({ group: 4321 })).toMatchObject({ uid: process.getuid?.(), gid: 4321 });
    expect(changesUser({ group: 'mail' })).toBe(true);
  });

  it.each(['nobody-of-that-name', 'ro', '-u', 'root:x', '.*', '$(id)', '__proto__'])(
    'is nobody for "%s"',
    (name) => {
      expect(() => futureOwner({ user: name })).toThrow(`there is no user ${name}`);
      expect(() => futureOwner({ group: name })).toThrow(`there is no group ${name}`);
    },
  );
});
