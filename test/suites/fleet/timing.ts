/** How long Haraka decided before it could connect: from the `get_mx` hooks to their answer. */
import { readFile } from 'node:fs/promises';

/** Runs in Haraka; one line for each decision: when it was made, its milliseconds, the domain. */
export const timingPlugin = `
const { appendFile } = require('node:fs');
const begun = new WeakMap();
let lines = '';
exports.register = function () {
  const { prototype } = this.haraka_require('outbound/hmail');
  const { get_mx_respond: respond } = prototype;
  prototype.get_mx_respond = function (...answer) {
    const at = begun.get(this);
    if (at !== undefined) lines += Date.now() + ' ' + (performance.now() - at).toFixed(2) + ' ' + this.todo.domain + '\\n';
    return respond.apply(this, answer);
  };
  this.register_hook('get_mx', 'begin', -200);
  setInterval(() => {
    if (lines !== '') appendFile(process.env.FLEET_TIMINGS, lines, () => undefined);
    lines = '';
  }, 200).unref();
};
exports.begin = (next, hmail) => {
  begun.set(hmail, performance.now());
  next();
};
`;

export interface Timing {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly ms: number;
  readonly domain: string;
}

export async function readTimings(file: string): Promise<Timing[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [at, ms, domain = ''] = line.split(' ');
      return { at: Number(at), ms: Number(ms), domain };
    });
}

/** @param share 0 to 1 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
