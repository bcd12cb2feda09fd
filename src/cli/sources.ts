/** DNS and MTA-STS as the running Haraka would see them, without changing what it keeps. */
import { statSync } from 'node:fs';
import path from 'node:path';
import type { Sources } from '../discovery/discover';
import { createResolver, type Resolver } from '../dns/resolver';
import { silent } from '../log';
import { createFileStore } from '../mta_sts/file_store';
import { StsPolicies } from '../mta_sts/policies';
import { createMemoryStore, type PolicyStore } from '../mta_sts/store';
import { fetchOptions } from '../settings/load/fetch_options';
import { resolverOptions } from '../settings/load/resolver_options';
import type { GlobalSettings } from '../settings/schema/types';
import type { Owner } from '../state/owner';
import { ownerOfState } from './install';

export interface OpenSources extends Sources {
  readonly resolver: Resolver;
  close(): Promise<void>;
}

/**
 * @param directory Haraka's config directory; relative paths of stored policies begin at the one that holds it
 * @throws CommandError where Haraka is to run as a user that is not known here
 */
export function openSources(global: GlobalSettings, directory: string): OpenSources {
  const { mtaSts } = global;
  const resolver = createResolver(resolverOptions(global));
  // It decides whether a resolver is asked without EDNS, as in the running Haraka.
  void resolver.probe();
  const policies = new StsPolicies({
    resolver,
    store: storeOf(path.resolve(directory, '..', mtaSts.directory), ownerOfState(directory)),
    fetchOptions: fetchOptions(global),
    log: silent,
  });
  return {
    resolver,
    policies,
    async close() {
      await policies.close();
      resolver.close();
    },
  };
}

/** Where nobody may look it has to be taken for one that holds some. */
function mayHoldPolicies(directory: string): boolean {
  try {
    return statSync(directory, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

/** What Haraka has stored is read. It is not written: files of another user would keep Haraka from its own directory. */
function storeOf(directory: string, owner: Owner): PolicyStore {
  const memory = createMemoryStore();
  if (!mayHoldPolicies(directory)) return memory;
  const files = createFileStore(directory, { log: silent, owner });
  return {
    ...memory,
    read: async (key) => {
      const fresh = await memory.read(key);
      return fresh.kind === 'none' ? files.read(key) : fresh;
    },
    close: () => files.close(),
  };
}
