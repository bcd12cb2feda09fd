/** What the running Haraka needs of the page, in a file of its own: see bundles.ts. */
import path from 'node:path';
import { findingText } from '../dns/probe';
import { Gatekeeper } from './access/access';
import { TokenFile } from './access/token_file';
import type { ProcessFacts } from './shared/wire';
import { Clerk } from './clerk';
import { json, type Answer } from './shared/answer';
import { PageFiles } from './files';
import { Handler, type ApiRequest } from './handler';
import { KeptAnswers } from './kept_answers';
import { WebListeners } from './listeners';
import { Metrics } from './metrics/metrics';
import type { Surroundings, Web } from './surroundings';

export function openWeb(surroundings: Surroundings): Web {
  const { settings, configDirectory, log, me } = surroundings;
  const web = () => settings().global.web;
  const install = path.dirname(configDirectory);
  const tokenFile = new TokenFile(log);
  const clerk = new Clerk(path.join(__dirname, 'web-thread.cjs'), { configDirectory }, log);
  const kept = new KeptAnswers();
  const ask = ({ query, ...asked }: ApiRequest): Promise<Answer> => {
    const question = () => clerk.ask({ ...asked, query: [...query], process: processFacts(surroundings) });
    if (asked.method === 'POST') return question();
    return kept.get(`${asked.path}?${query.toString()} ${asked.gzip ? 'gzip' : ''}`, question);
  };
  const metrics = new Metrics({
    figures: surroundings.figures,
    settings,
    faults: surroundings.faults,
    facts: (peers) =>
      ask({
        method: 'GET',
        path: 'figures',
        query: new URLSearchParams({ peers: String(peers) }),
        gzip: false,
      }),
    now: () => new Date(),
    probe: surroundings.probe,
    version: surroundings.version,
  });
  const handler = new Handler({
    web,
    me,
    gatekeeper: new Gatekeeper({
      web,
      token: () => tokenFile.current(path.resolve(install, web().tokenFile), performance.now()),
      ended: surroundings.ended,
      now: () => Date.now(),
    }),
    files: new PageFiles(path.join(__dirname, 'web')),
    log,
    api: (asked) => (asked.path === 'failures' ? Promise.resolve(failures(surroundings, asked)) : ask(asked)),
    metrics: (accepts) => metrics.answer(accepts),
    steady: () => performance.now(),
  });
  const listeners = new WebListeners({ web, configDirectory, handler: handler.handle, log });
  // So that an operator finds it before anybody has asked.
  tokenFile.current(path.resolve(install, web().tokenFile), performance.now());
  return {
    handler: handler.handle,
    listen: () => listeners.start(),
    async close() {
      await Promise.all([listeners.close(), clerk.close()]);
    },
  };
}

function processFacts({ probe, version, faults }: Surroundings): ProcessFacts {
  const probed = probe();
  return {
    pid: process.pid,
    version,
    faults: faults(),
    ...(probed === 'not_probed'
      ? { resolver: [], probedAt: '' }
      : {
          resolver: probed.findings.map((finding) => ({
            server: finding.server,
            kind: finding.kind,
            text: findingText(finding, probed.question),
          })),
          probedAt: probed.at.toISOString(),
        }),
  };
}

/** What only the process knows. */
function failures({ failures: of }: Surroundings, { query }: ApiRequest): Answer {
  const managed = (query.get('managed') ?? '').toLowerCase();
  const peer = (query.get('peer') ?? '').toLowerCase();
  const found = query.get('direction') === 'in' ? [] : of(managed, peer);
  return json({ failures: found });
}
