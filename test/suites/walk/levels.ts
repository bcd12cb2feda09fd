/** A message at each level, to peers as they should be and to the same peers while somebody strips STARTTLS. */
import { command, iniFile, iniPart } from './pages';
import { mustNotSay, mustSay, type Fate, type Walk } from './walk';

const configuration = 'docs/configuration.md';
const operations = 'docs/operations.md';

const levels: readonly Fate[] = [
  { to: 'broken-tls.example', line: /delivered .*level=none .*verified=none/, seen: /^cleartext$/ },
  { to: 'any.example', line: /delivered .*level=opportunistic .*verified=unauthenticated/, seen: /^TLS/ },
  { to: 'encrypted.example', line: /delivered .*level=mandatory .*verified=unauthenticated/, seen: /^TLS/ },
  { to: 'named.example', line: /delivered .*level=verify .*verified=pkix/, seen: /^TLS/ },
  { to: 'pinned.example', line: /delivered .*level=verify .*verified=fingerprint/, seen: /^TLS/ },
  { to: 'dane.example', line: /delivered .*level=opportunistic_dane .*verified="dane 3 1 1"/, seen: /^TLS/ },
  { to: 'only-dane.example', line: /delivered .*level=mandatory_dane .*verified="dane 2 0 1"/, seen: /^TLS/ },
  { to: 'sts.example', line: /delivered .*level=mta_sts .*verified=pkix/, seen: /^TLS/ },
  { to: 'auto.example', line: /delivered .*level=auto .*verified=pkix/, seen: /^TLS/ },
];

/** Levels at which mail goes in cleartext where no TLS is offered. */
const mayGoInCleartext = new Set(['broken-tls.example', 'any.example']);

export async function eachLevel(walk: Walk): Promise<void> {
  const shown = await walk.type(command(configuration, 'openssl s_client'));
  const [fingerprint = ''] = /[0-9A-F]{2}(?::[0-9A-F]{2}){31}/.exec(shown) ?? [];
  mustSay(fingerprint, /./);
  const rules = iniFile(configuration, 'tls-peers/example.com.ini', '[outbound pinned.example]');
  const own = rules.replace(/^fingerprints = .*$/m, `fingerprints = ${fingerprint}`);
  mustNotSay(own, /00:11:22:33/);
  await walk.reloaded(/example\.com \[outbound sts\.example\]: added/, () =>
    walk.edit('tls-peers/example.com.ini', own, 'as it is'),
  );
  await walk.send(levels);
}

export async function stripped(walk: Walk): Promise<void> {
  for (const { to } of levels) walk.peer(to).setBehaviour('no-starttls');
  await walk.send(
    levels.map(({ to }) =>
      mayGoInCleartext.has(to)
        ? { to, line: /delivered .*verified=none/, seen: /^cleartext$/ }
        : { to, line: /deferred .*starttls-not-supported/, seen: 'nothing' },
    ),
  );
  const kept = levels.filter(({ to }) => !mayGoInCleartext.has(to));
  const waiting = await walk.type(command(operations, 'haraka -c /path/to/your/haraka --qlist'));
  for (const { to } of kept) mustSay(waiting, new RegExp(`domain:${to}`));
}

export async function recovered(walk: Walk): Promise<void> {
  const kept = levels.filter(({ to }) => !mayGoInCleartext.has(to));
  for (const { to } of levels) walk.peer(to).setBehaviour('normal');
  const from = walk.service.mark;
  await walk.type(command(operations, 'haraka -c /path/to/your/haraka --qunstick'));
  for (const { to } of kept) {
    const name = to.replaceAll('.', '\\.');
    await walk.service.waitFor(new RegExp(`tls-peers delivered .*peer=${name} `), { from });
  }
}

/** One peer is let through for a while, and the mail that waits for it goes. */
export async function letThrough(walk: Walk): Promise<void> {
  await walk.reloaded(/example\.com \[outbound peer\.example\]: added: .*exempt_until/, () =>
    walk.edit('tls-peers/example.com.ini', iniPart('README.md', 'exempt_until'), 'added'),
  );
  const from = walk.service.mark;
  await walk.type(command('README.md', 'haraka -c /path/to/your/haraka --qunstick'));
  await walk.service.waitFor(/tls-peers delivered .*peer=peer\.example /, { from });
  const left = await walk.type(command('docs/operations.md', 'haraka -c /path/to/your/haraka --qlist'));
  mustNotSay(left, /domain:/);
}
