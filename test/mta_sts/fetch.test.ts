import { beforeAll, describe, expect, it } from 'vitest';
import { behaviours, tryBehaviours, type Seen } from './support/behaviours';

const rows = behaviours.map((behaviour, index) => ({ ...behaviour, index }));
const unbounded = (name: string) => name.startsWith('no length');

describe('a policy host', () => {
  let seen: Seen[] = [];
  beforeAll(async () => {
    seen = await tryBehaviours();
  });

  it.each(rows.filter(({ name }) => unbounded(name)))('$name', { tags: ['regression'] }, check);
  it.each(rows.filter(({ name }) => !unbounded(name)))('$name', check);

  function check({ index, expected }: (typeof rows)[number]): void {
    const { fetched } = seen[index]!;
    if (expected === 'fetched') {
      expect(fetched).toMatchObject({ kind: 'fetched', policy: { mode: 'enforce', mx: ['mx.example.com'] } });
      return;
    }
    const [reason, text] = expected;
    expect(fetched).toMatchObject({ kind: 'failed', failure: { reason } });
    const said = fetched.kind === 'failed' ? fetched.failure.text : '';
    expect(said).toMatch(text);
    expect(said).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(said.length).toBeLessThan(700);
  }
});
