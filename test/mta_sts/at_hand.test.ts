import { afterEach, describe, expect, it } from 'vitest';
import type { Answer } from '../../src/dns/types';
import { silent } from '../../src/log';
import { StsPolicies } from '../../src/mta_sts/policies';
import { createMemoryStore } from '../../src/mta_sts/store';
import type { StsFacts } from '../../src/mta_sts/types';

const record = (text: string): Answer<string> => ({
  kind: 'records',
  secure: false,
  records: [text],
  canonicalName: '_mta-sts.a.example',
  ttl: 300,
});
const denied: Answer<string> = {
  kind: 'denied',
  secure: false,
  denial: 'nodata',
  canonicalName: '_mta-sts.a.example',
  ttl: 300,
};
const failed: Answer<string> = { kind: 'failed', cause: 'servfail', detail: 'SERVFAIL' };

let policies: StsPolicies | undefined;
afterEach(() => policies?.close());

/** A sender that holds policy id1 of a.example in mode `enforce`, and whose resolver's cache holds `kept`. */
async function sender(
  kept: Answer<string> | undefined,
): Promise<{ asked: string[]; facts: () => Promise<StsFacts> }> {
  const asked: string[] = [];
  const ask = (name: string): Promise<Answer<string>> => {
    asked.push(name);
    return Promise.resolve(denied);
  };
  const store = createMemoryStore();
  await store.write({
    domain: 'a.example',
    roots: 'default',
    id: 'id1',
    fetchedAt: Date.now(),
    policy: { mode: 'enforce', mx: ['mx.a.example'], maxAge: 86_400, extensions: [] },
  });
  const opened = new StsPolicies({
    resolver: { txt: ask, a: ask, aaaa: ask, keptTxt: () => kept },
    store,
    fetchOptions: { allowPrivate: false },
    log: silent,
  });
  policies = opened;
  await opened.start();
  return { asked, facts: () => opened.get('a.example', { extraRoots: '' }) };
}

describe('a record in the cache of the resolver', () => {
  it.each([
    ['with the id of the policy in force, settles it', record('v=STSv1; id=id1;'), []],
    ['that is not there, leaves the policy in force', denied, []],
    ['that is broken, leaves the policy in force', record('v=STSv1; id=;'), []],
    ['that is missing, is asked for', undefined, ['_mta-sts.a.example']],
    ['that could not be had, is asked for again', failed, ['_mta-sts.a.example']],
    ['with another id, does not settle it', record('v=STSv1; id=id2;'), ['_mta-sts.a.example']],
  ])('%s', async (_name, kept, questions) => {
    const { asked, facts } = await sender(kept);
    expect(await facts()).toMatchObject({ kind: 'policy', id: 'id1', policy: { mode: 'enforce' } });
    expect(asked).toEqual(questions);
  });

  it('says why a newer policy is missing, as without the cache', async () => {
    const { facts } = await sender(denied);
    expect(await facts()).toMatchObject({ refreshFailure: { reason: 'sts-policy-fetch-error' } });
  });
});
