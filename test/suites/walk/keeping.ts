/** The install as a service, a newer version, and none. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { run } from './machine';
import { command, unitFile } from './pages';
import { asUnit } from './service';
import { mustNotSay, mustSay, workers, type Walk } from './walk';

const page = 'docs/production.md';

/** From root's start with `user` to the unit of systemd, which never is root. */
export async function becomeAUnit(walk: Walk): Promise<void> {
  const unit = unitFile(page);
  writeFileSync('/etc/systemd/system/haraka.service', unit);
  if ((await run('command -v systemd-analyze', '/')).code === 0)
    mustNotSay(
      await walk.type('systemd-analyze verify haraka.service', { directory: '/' }),
      /haraka\.service/,
    );
  await walk.service.stop();
  walk.edit(
    'smtp.ini',
    walk
      .read('smtp.ini')
      .replaceAll(/^(?:user|group) =.*\n/gm, '')
      .trim(),
    'as it is',
  );
  const from = walk.service.mark;
  walk.service.start(asUnit(unit));
  await walk.service.waitFor(/worker \d+ listening on/, { from, count: workers });
  await walk.service.waitFor(/resolver 127\.0\.0\.1:53 validates DNSSEC/, { from });
  if (walk.service.users().includes(0)) throw new Error('a process of the unit is root');
  await toPartner(walk);
  await walk.service.waitFor(/checked 1 MTA-STS polic/, { from });
  mustNotSay(
    walk.service.lines.slice(from).join('\n'),
    /\[tls-peers\].*(?:cannot|could not|EROFS|EACCES|ENOENT)/,
  );
}

export async function upgrade(walk: Walk): Promise<void> {
  const manifest = '/srv/clone/package.json';
  const next = '0.2.0';
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/"version": ".*?"/, `"version": "${next}"`));
  await walk.type(command('README.md', 'npm pack'), { directory: '/srv/clone' });
  const fromRegistry = command(page, 'npm install haraka-plugin-tls-peers@latest');
  const [, fromTarball = ''] = /(npm install \S+\.tgz)/.exec(fromRegistry) ?? [];
  await walk.type(fromTarball);
  mustSay(await walk.type(command(page, 'npx --no -- tls-peers --version')), new RegExp(`^${next}$`, 'm'));
  mustSay(await walk.type(command(page, 'npx --no -- tls-peers lint')), /^0 faults/m);
  await restart(walk);
  await toPartner(walk);
  mustSay(await walk.type('npx --no -- tls-peers cache list'), /sts\.example +enforce/);
}

/** What is left must run as if the suite had never been there. */
export async function uninstall(walk: Walk): Promise<void> {
  await walk.type(command('docs/operations.md', 'haraka -c /path/to/your/haraka --qlist'));
  await walk.type(command(page, "sed -i '/^tls-peers/d' config/plugins"));
  mustNotSay(walk.read('plugins'), /tls-peers/);
  const from = walk.service.mark;
  await restart(walk, /worker \d+ listening on/);
  await walk.type(command(page, 'npm uninstall haraka-plugin-tls-peers'));
  const before = walk.peer('partner.example').messages.length;
  await walk.type(command('README.md', "printf 'Subject: hello"));
  await walk.service.waitFor(/ delivered file=.* domain=partner\.example/, { from });
  if (walk.peer('partner.example').messages.length !== before + 1)
    throw new Error('the message did not arrive');
  mustNotSay(walk.service.lines.slice(from).join('\n'), /tls-peers/);
  for (const left of ['config/tls-peers.ini', 'config/tls-peers', 'mta-sts', 'evidence'])
    if (!existsSync(`/srv/haraka/${left}`)) throw new Error(`${left} is gone`);
  if (existsSync('/srv/haraka/node_modules/haraka-plugin-tls-peers'))
    throw new Error('the package is still there');
}

/** There is no systemd on this machine: the walk does what it would do. */
async function restart(walk: Walk, ready = /resolver 127\.0\.0\.1:53 validates DNSSEC/): Promise<void> {
  command(page, 'systemctl restart haraka');
  await walk.service.stop();
  const from = walk.service.mark;
  walk.service.start(asUnit(unitFile(page)));
  await walk.service.waitFor(/worker \d+ listening on/, { from, count: workers });
  await walk.service.waitFor(ready, { from });
}

async function toPartner(walk: Walk): Promise<void> {
  await walk.send([
    { to: 'partner.example', line: /delivered .*verified=(?:"dane 3 1 1"|unauthenticated)/, seen: /^TLS/ },
  ]);
}
