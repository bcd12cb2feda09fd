/** From nothing to the first message. */
import { command, iniFile } from './pages';
import { mustSay, workers, type Walk } from './walk';

const readme = 'README.md';
const production = 'docs/production.md';

export async function install(walk: Walk): Promise<void> {
  // Haraka's own: where it is, who may relay, where it listens; the peers have port 25 of the other addresses.
  await walk.type('haraka -i /srv/haraka', { directory: '/srv' });
  walk.edit('plugins', `relay\n${walk.read('plugins')}`, 'as it is');
  walk.edit('relay.ini', '[relay]\nacl = true', 'as it is');
  walk.edit('relay_acl_allow', '127.0.0.1/32', 'as it is');
  walk.edit('me', 'mail.example.com', 'as it is');

  await walk.type(command(readme, 'npm pack'), { directory: '/srv/clone' });
  await walk.type(command(readme, 'npm install /path/to/haraka-plugin-tls-peers-'));
  await walk.type(command(readme, 'echo tls-peers >> config/plugins'));
  await walk.type(command(readme, 'mkdir -p config/tls-peers'));
  mustSay(walk.read('plugins'), /^tls-peers$/m);
}

export async function dropRights(walk: Walk): Promise<void> {
  await walk.type(command(production, 'useradd '));
  await walk.type(command(production, 'install -d '));
  const user = iniFile(production, 'smtp.ini', 'user =');
  walk.edit('smtp.ini', `${user}\nlisten = 127.0.0.1:25\nnodes = ${workers}`, 'as it is');
}

export function writeRules(walk: Walk): void {
  const rules = iniFile(readme, 'tls-peers/example.com.ini', '[outbound *.bank.example]');
  walk.edit('tls-peers/example.com.ini', rules, 'as it is');
  walk.edit('tls-peers.ini', iniFile(readme, 'tls-peers.ini', '[resolver]'), 'as it is');
}

export async function check(walk: Walk): Promise<void> {
  const page = 'docs/plugins/tls-peers.md';
  await walk.type(command(page, 'mkdir -p docs/plugins'));
  mustSay(await walk.type(command(page, 'haraka -c . -h tls-peers')), /^# tls-peers$/m);
  mustSay(await walk.type(command(readme, 'npx --no -- tls-peers lint')), /^0 faults, 0 warnings /m);
  const explained = await walk.type(command(readme, 'npx --no -- tls-peers explain me@example.com'));
  mustSay(explained, /is held to DANE \(example\.com \[outbound partner\.example\]/);
  mustSay(await walk.type(command(page, 'npx --no -- tls-peers test --from')), /a message would go/);
}

export async function start(walk: Walk): Promise<void> {
  const from = walk.service.mark;
  walk.service.start('haraka -c /srv/haraka');
  await walk.service.waitFor(/worker \d+ listening on/, { from, count: workers });
  await walk.service.waitFor(/resolver 127\.0\.0\.1:53 validates DNSSEC/, { from });
  await walk.service.waitFor(/New uid: /, { from, count: workers });
  const [, ...ofWorkers] = walk.service.users();
  if (ofWorkers.length !== workers || ofWorkers.includes(0))
    throw new Error(`the workers are of the users ${ofWorkers.join()}`);
}

export async function firstMail(walk: Walk): Promise<void> {
  await walk.send([
    {
      to: 'partner.example',
      line: /delivered .*level=mandatory_dane .*verified="dane 3 1 1"/,
      seen: /^TLSv1\.3$/,
    },
    {
      to: 'mail.bank.example',
      line: /delivered .*level=mandatory .*verified=unauthenticated/,
      seen: /^TLSv1\.3$/,
    },
    { to: 'legacy.example', line: /delivered .*level=opportunistic .*tls_version=TLSv1 /, seen: /^TLSv1$/ },
    { to: 'auto.example', line: /delivered .*level=auto .*verified=pkix/, seen: /^TLSv1\.3$/ },
    { to: 'peer.example', line: /deferred .*level=auto .*certificate-not-trusted/, seen: 'nothing' },
  ]);
}
