/** Certificates on disk as they come and go, in the ways in which renewals are done. */
import { X509Certificate } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  chainPem,
  createCa,
  createKey,
  issue,
  type CertificateOptions,
  type Issued,
} from '../../haraka-test-harness/pki';
import { hostedFiles, type Catalogue } from '../../src/hosting/catalogue';
import { Certificates } from '../../src/hosting/certificates';
import { readPem } from '../../src/hosting/pem';
import { loadSettings } from '../../src/settings/load/load';
import { memorySource } from '../settings/memory_source';

const host = 'mta-sts.one.example';
const now = new Date();
const day = 86_400_000;

const catalogueOf = (more = ''): Catalogue =>
  hostedFiles(
    loadSettings(memorySource({ 'tls-peers/one.example.ini': `[mta_sts]\nmx = mx.one.example\n${more}` }))
      .settings,
  );

let ca: Issued;
let base: string;
let said: string[];
/** Names of files, in the order in which they were parsed. */
let parsed: string[];
let certificates: Certificates;

beforeAll(async () => {
  ca = await createCa();
});
beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'tls-peers-certificates-'));
  said = [];
  const note = (line: string) => said.push(line);
  parsed = [];
  const log = { debug: note, info: note, notice: note, warn: note, error: note };
  certificates = new Certificates(base, log, (file) => {
    parsed.push(file.name);
    return readPem(file);
  });
});
afterEach(() => rm(base, { recursive: true, force: true }));

const make = (options: CertificateOptions = {}) => issue(ca, { dnsNames: [host], ...options });

async function put(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(path.join(base, file)), { recursive: true });
  await writeFile(path.join(base, file), text);
}

/** The fingerprint of the certificate in use. */
async function inUse(catalogue = catalogueOf(), at = now): Promise<string | undefined> {
  await certificates.refresh(catalogue, 'tls', at);
  return certificates.pairFor(host)?.leaf.fingerprint256;
}

const fingerprint = (issued: Issued) => new X509Certificate(issued.certPem).fingerprint256;

describe('a certificate that is mended', () => {
  it('makes a line, where there was none before', async () => {
    await inUse();
    const issued = await make();
    await put('tls/one.pem', issued.keyPem + issued.certPem);
    expect(await inUse()).toBe(fingerprint(issued));
    await put('tls/unrelated', '');
    await inUse();
    expect(said.slice(1)).toEqual([`the certificate for ${host} is in order (one.pem)`]);
  });

  it('makes a line, where the old one comes back', async () => {
    const issued = await make();
    const files = issued.keyPem + issued.certPem;
    await put('tls/one.pem', files);
    await inUse();
    await put('tls/one.pem', 'half');
    await inUse();
    await put('tls/one.pem', files);
    await inUse();
    expect(said.at(-1)).toBe(`the certificate for ${host} is in order (one.pem)`);
  });
});

describe('a certificate is found', () => {
  it('where there is no directory: none, and the log says so once', async () => {
    expect(await inUse()).toBeUndefined();
    await put('unrelated', '');
    expect(await inUse()).toBeUndefined();
    expect(said).toEqual([`there is no usable certificate for ${host}: its policy is not served over HTTPS`]);
  });

  it('in directories of directories, and by a wildcard', async () => {
    const issued = await make({ dnsNames: ['*.one.example'] });
    await put('tls/a/b/key.pem', issued.keyPem);
    await put('tls/c/cert.pem', issued.certPem);
    expect(await inUse()).toBe(fingerprint(issued));
    expect(said).toEqual([]);
  });

  it('not by its common name', async () => {
    const issued = await make({ commonName: host, dnsNames: ['other.example'] });
    await put('tls/one.pem', issued.keyPem + issued.certPem);
    expect(await inUse()).toBeUndefined();
  });

  it('through a directory that links to itself', async () => {
    const issued = await make();
    await put('tls/one.pem', issued.keyPem + issued.certPem);
    await symlink('.', path.join(base, 'tls/again'));
    expect(await inUse()).toBe(fingerprint(issued));
  });
});

describe('a directory that cannot be listed', () => {
  const both = hostedFiles(
    loadSettings(
      memorySource({
        'tls-peers/one.example.ini': '[mta_sts]\nmx = mx.one.example\n',
        'tls-peers/two.example.ini': '[mta_sts]\nmx = mx.two.example\ncertificate_file = two.pem\n',
      }),
    ).settings,
  );
  const served = async (): Promise<string[]> => {
    await certificates.refresh(both, 'tls', now);
    return [...both.keys()].filter((name) => certificates.pairFor(name) !== undefined);
  };
  const two = 'mta-sts.two.example';

  it('costs what is in it and nothing else, and is taken in once it can be', async () => {
    const [one, other] = await Promise.all([make(), make({ dnsNames: [two] })]);
    await put('tls/one.pem', one.certPem);
    await put('tls/private/one.key', one.keyPem);
    await put('two.pem', other.keyPem + other.certPem);
    const closed = path.join(base, 'tls/private');
    await chmod(base, 0o755);
    await chmod(closed, 0o000);
    await withoutRoot(async () => {
      expect(await served()).toEqual([two]);
    });
    expect(said[0]).toMatch(/^private: EACCES/);
    expect(said[1]).toBe(`one.pem: the certificate for ${host} has no key below tls`);
    await chmod(closed, 0o755);
    await withoutRoot(async () => {
      expect(await served()).toEqual([host, two]);
    });
  });

  it('leaves named files, also where it is all of the directory', async () => {
    const other = await make({ dnsNames: [two] });
    await put('tls', 'no directory');
    await put('two.pem', other.keyPem + other.certPem);
    expect(await served()).toEqual([two]);
    expect(said[0]).toMatch(/^tls: ENOTDIR/);
  });
});

/** File modes do not count for root. */
async function withoutRoot(act: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return act();
  process.seteuid?.(65534);
  try {
    await act();
  } finally {
    process.seteuid?.(0);
  }
}

describe('a renewal', () => {
  it('by links that are moved over, as certbot does', async () => {
    const [old, renewed] = await Promise.all([make(), make()]);
    await put('archive/key1.pem', old.keyPem);
    await put('archive/chain1.pem', chainPem(old, ca));
    await put('archive/key2.pem', renewed.keyPem);
    await put('archive/chain2.pem', chainPem(renewed, ca));
    const link = async (name: string, target: string) => {
      await symlink(path.join('../archive', target), path.join(base, 'live', `${name}.new`));
      await rename(path.join(base, 'live', `${name}.new`), path.join(base, 'live', name));
    };
    await mkdir(path.join(base, 'live'));
    await link('key.pem', 'key1.pem');
    await link('chain.pem', 'chain1.pem');
    const catalogue = catalogueOf('certificate_file = live/chain.pem\nkey_file = live/key.pem\n');
    expect(await inUse(catalogue)).toBe(fingerprint(old));
    await link('key.pem', 'key2.pem');
    // Half done: the key is new and the chain is not.
    expect(await inUse(catalogue)).toBe(fingerprint(old));
    expect(said.join('\n')).toMatch(/live\/key\.pem does not hold the key of this certificate/);
    await link('chain.pem', 'chain2.pem');
    expect(await inUse(catalogue)).toBe(fingerprint(renewed));
    expect(said.at(-1)).toMatch(/was renewed/);
  });

  it('by links that are moved over in the directory, the chain before the key', async () => {
    const [old, renewed] = await Promise.all([make(), make()]);
    const live = `tls/live/${host}`;
    const link = async (name: string, target: string) => {
      await symlink(path.join('../../../archive', target), path.join(base, live, `${name}.new`));
      await rename(path.join(base, live, `${name}.new`), path.join(base, live, name));
    };
    await mkdir(path.join(base, live), { recursive: true });
    for (const [index, issued] of [old, renewed].entries()) {
      await put(`archive/privkey${index + 1}.pem`, issued.keyPem);
      await put(`archive/fullchain${index + 1}.pem`, chainPem(issued, ca));
    }
    await link('privkey.pem', 'privkey1.pem');
    await link('fullchain.pem', 'fullchain1.pem');
    expect(await inUse()).toBe(fingerprint(old));
    await link('fullchain.pem', 'fullchain2.pem');
    expect(await inUse()).toBe(fingerprint(old));
    expect(said).toContain(`live/${host}/fullchain.pem: the certificate for ${host} has no key below tls`);
    await link('privkey.pem', 'privkey2.pem');
    expect(await inUse()).toBe(fingerprint(renewed));
    expect(said.at(-1)).toMatch(/was renewed/);
  });

  it('beside the old certificate takes over, and stays when the old one is removed', async () => {
    const old = await make({ notAfter: new Date(now.getTime() + 5 * day) });
    const renewed = await make({ notAfter: new Date(now.getTime() + 90 * day) });
    await put('tls/2025.pem', old.keyPem + old.certPem);
    expect(await inUse()).toBe(fingerprint(old));
    await put('tls/2026.pem', renewed.keyPem + renewed.certPem);
    expect(await inUse()).toBe(fingerprint(renewed));
    await rm(path.join(base, 'tls/2025.pem'));
    expect(await inUse()).toBe(fingerprint(renewed));
  });

  it('that is valid from tomorrow takes over tomorrow', async () => {
    const key = createKey('ec');
    const current = await make({ key, notAfter: new Date(now.getTime() + 2 * day) });
    const next = await make({
      key,
      notBefore: new Date(now.getTime() + day),
      notAfter: new Date(now.getTime() + 90 * day),
    });
    await put('tls/now.pem', key.pem + current.certPem);
    await put('tls/next.pem', next.certPem);
    expect(await inUse()).toBe(fingerprint(current));
    expect(await inUse(catalogueOf(), new Date(now.getTime() + 1.5 * day))).toBe(fingerprint(next));
  });

  it('of the certificate alone is named, with the key that it lacks', async () => {
    const [old, renewed] = await Promise.all([make(), make()]);
    await put('tls/one.key', old.keyPem);
    await put('tls/one.crt', old.certPem);
    expect(await inUse()).toBe(fingerprint(old));
    await put('tls/one.crt', renewed.certPem);
    expect(await inUse()).toBe(fingerprint(old));
    expect(said).toEqual([
      `one.crt: the certificate for ${host} has no key below tls`,
      `there is no usable certificate for ${host} any more: the last one stays in use`,
    ]);
    await put('tls/one.key', renewed.keyPem);
    expect(await inUse()).toBe(fingerprint(renewed));
  });

  it('beside the old certificate that lacks its key is named, and the old one stays', async () => {
    const [old, renewed] = await Promise.all([make(), make({ dnsNames: ['*.one.example'] })]);
    await put('tls/2025.pem', old.keyPem + old.certPem);
    await put('tls/2026/cert.pem', renewed.certPem);
    expect(await inUse()).toBe(fingerprint(old));
    expect(said).toEqual([`2026/cert.pem: the certificate for ${host} has no key below tls`]);
  });

  it.each<{ what: string; with: CertificateOptions; because: string }>([
    {
      what: 'has expired',
      with: { notBefore: new Date(now.getTime() - 9 * day), notAfter: new Date(now.getTime() - day) },
      because: 'own.pem: the certificate for mta-sts.one.example is not valid today',
    },
    {
      what: 'is valid from tomorrow',
      with: { notBefore: new Date(now.getTime() + day), notAfter: new Date(now.getTime() + 90 * day) },
      because: 'own.pem: the certificate for mta-sts.one.example is not valid today',
    },
    {
      what: 'is for another name',
      with: { dnsNames: ['other.example'] },
      because: 'own.pem: the certificate does not name mta-sts.one.example',
    },
  ])('that $what waits for the end of the one in use', async ({ with: options, because }) => {
    const catalogue = catalogueOf('certificate_file = own.pem\n');
    const [old, renewed] = [await make({ notAfter: new Date(now.getTime() + 2 * day) }), await make(options)];
    await put('own.pem', old.certPem + old.keyPem);
    expect(await inUse(catalogue)).toBe(fingerprint(old));
    await put('own.pem', renewed.certPem + renewed.keyPem);
    expect(await inUse(catalogue)).toBe(fingerprint(old));
    expect(said).toEqual([because, `the last certificate for ${host} stays in use`]);
    expect(await inUse(catalogue, new Date(now.getTime() + 3 * day))).toBe(fingerprint(renewed));
  });

  it('that is gone leaves the last good one in use', async () => {
    const issued = await make();
    await put('tls/one.pem', issued.keyPem + issued.certPem);
    const before = await inUse();
    await rm(path.join(base, 'tls'), { recursive: true });
    expect(await inUse()).toBe(before);
    expect(said.at(-1)).toBe(
      `there is no usable certificate for ${host} any more: the last one stays in use`,
    );
  });
});

describe('a file is parsed', () => {
  it('once, until it changes itself', async () => {
    const [one, renewed] = await Promise.all([make(), make()]);
    await put('tls/a.pem', one.keyPem + one.certPem);
    await put('tls/b.pem', ca.certPem);
    expect(await inUse()).toBe(fingerprint(one));
    expect(parsed.sort()).toEqual(['a.pem', 'b.pem']);
    parsed = [];
    expect(await inUse(catalogueOf(), new Date(now.getTime() + day / 12))).toBe(fingerprint(one));
    await put('tls/c.pem', ca.certPem);
    expect(await inUse()).toBe(fingerprint(one));
    expect(parsed).toEqual(['c.pem']);
    parsed = [];
    await put('tls/a.pem', renewed.keyPem + renewed.certPem);
    expect(await inUse()).toBe(fingerprint(renewed));
    expect(parsed).toEqual(['a.pem']);
  });

  it('again after it was away', async () => {
    const catalogue = catalogueOf('certificate_file = own.pem\n');
    const one = await make();
    await put('own.pem', one.keyPem + one.certPem);
    expect(await inUse(catalogue)).toBe(fingerprint(one));
    await rename(path.join(base, 'own.pem'), path.join(base, 'away.pem'));
    expect(await inUse(catalogue)).toBe(fingerprint(one));
    await rename(path.join(base, 'away.pem'), path.join(base, 'own.pem'));
    expect(await inUse(catalogue)).toBe(fingerprint(one));
    expect(parsed).toEqual(['own.pem', 'own.pem']);
  });

  it('with 50 others at most before other work has its turn', async () => {
    await Promise.all(Array.from({ length: 120 }, (_, index) => put(`tls/${index}.pem`, ca.certPem)));
    let known = 0;
    let most = 0;
    const turn = () => {
      most = Math.max(most, parsed.length - known);
      known = parsed.length;
      if (known < 120) setImmediate(turn);
    };
    turn();
    await inUse();
    turn();
    expect(known).toBe(120);
    expect(most).toBeLessThanOrEqual(50);
  });
});

it('a certificate that will not do for senders is served, and named', async () => {
  const issued = await make({
    dnsNames: ['other.example'],
    notBefore: new Date(now.getTime() - 9 * day),
    notAfter: new Date(now.getTime() - day),
  });
  await put('own.pem', issued.certPem + issued.keyPem);
  expect(await inUse(catalogueOf('certificate_file = own.pem\n'))).toBe(fingerprint(issued));
  expect(said).toEqual([
    `own.pem: the certificate for ${host} is not valid today`,
    `own.pem: the certificate does not name ${host}`,
  ]);
});
