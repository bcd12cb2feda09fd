import { beforeAll, describe, expect, it } from 'vitest';
import { manners, tryManners } from './support/manners';
import type { Seen } from './support/manners';

describe('a policy host', () => {
  let seen: Seen[] = [];
  beforeAll(async () => {
    seen = await tryManners();
  });

  it.each(manners.map((manner, index) => ({ ...manner, index })))('$name', ({ index, expected }) => {
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
  });
});
