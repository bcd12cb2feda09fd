import type { Browser } from 'puppeteer-core';
import type { PageLab } from '../web/page_lab';
import type { Checks } from './checks';

/** What each part of the suite works with. */
export interface Look {
  readonly browser: Browser;
  readonly page: PageLab;
  readonly checks: Checks;
  /** For pictures. */
  readonly directory: string;
}
