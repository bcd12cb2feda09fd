/** Every view: in light and dark, wide and as narrow as a phone, with axe, and with nothing of what peers say taken for HTML. */
import type { Look } from './look';
import { visit, type Visitor } from './visitor';

const views = {
  overview: '#/overview',
  'overview-by-week': '#/overview?by=week',
  domains: '#/domains',
  peers: '#/peers?managed=ours.example&direction=out',
  'peers-inbound': '#/peers?managed=ours.example&direction=in',
  'peers-none': '#/peers?managed=empty.example&direction=out',
  'peers-large': '#/peers?managed=large.example&direction=out',
  peer: '#/peer?managed=ours.example&direction=out&peer=good.example',
  'peer-hostile': '#/peer?managed=ours.example&direction=out&peer=hostile.example',
  'peer-inbound': '#/peer?managed=ours.example&direction=in&peer=203.0.113.0%2F24',
  'peer-wildcard': '#/peer?managed=ours.example&direction=out&peer=*.bank.example',
  held: '#/held',
  own: '#/own',
  reports: '#/reports',
  health: '#/health',
} as const;

const looks = {
  light: { width: 1280, height: 900, scheme: 'light' },
  dark: { width: 1280, height: 900, scheme: 'dark' },
  phone: { width: 390, height: 844, scheme: 'light' },
} as const;

export async function lookAtViews({ browser, page, checks, directory }: Look): Promise<void> {
  const visitor = await visit(browser, page, directory);
  await visitor.logIn();
  for (const [look, { width, height, scheme }] of Object.entries(looks)) {
    await visitor.page.setViewport({ width, height });
    await visitor.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    for (const [name, hash] of Object.entries(views)) {
      await visitor.goTo(hash);
      const findings = await visitor.axe();
      const overflow = await overflowOf(visitor);
      checks.check(
        `${name}, ${look}`,
        findings.length === 0 && overflow === '',
        [...findings, overflow].join(' '),
      );
      await visitor.shot(`${name}-${look}`);
    }
  }
  const hacked = await visitor.page.evaluate(() => (window as unknown as { hacked?: number }).hacked);
  checks.check('nothing that others say was run', hacked === undefined);
  checks.check(
    'the browser complained of nothing',
    visitor.complaints.length === 0,
    visitor.complaints.join('; '),
  );
  await lookWithoutPointer(visitor, checks);
  await visitor.close();
}

/** What is wider than the window would have to be scrolled to, sideways. */
function overflowOf({ page }: Visitor): Promise<string> {
  return page.evaluate(() =>
    document.documentElement.scrollWidth > innerWidth + 1
      ? `wider than the window: ${document.documentElement.scrollWidth} > ${innerWidth}`
      : '',
  );
}

async function lookWithoutPointer(visitor: Visitor, checks: Look['checks']): Promise<void> {
  const { page } = visitor;
  await page.setViewport({ width: 1280, height: 900 });
  await visitor.goTo('#/overview');
  await page.evaluate(() => {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    scrollTo(0, 0);
  });
  const reached: string[] = [];
  for (let times = 0; times < 60 && !reached.includes('Domains'); times++) {
    await page.keyboard.press('Tab');
    reached.push(await page.evaluate(() => document.activeElement?.textContent.trim() ?? ''));
  }
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelector('main h1')?.textContent === 'Domains');
  checks.check(
    'the keyboard leads from view to view',
    reached.includes('Domains'),
    reached.slice(0, 6).join(' > '),
  );
  const focused = await page.evaluate(() => document.activeElement?.id);
  checks.check('and the focus goes along', focused === 'main', focused);
}
