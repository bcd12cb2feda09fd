/** A plugin of the lab's Haraka that moves the clock of every process: to so many milliseconds ahead as the file `clock` says. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Lab } from '../../../haraka-test-harness';

export const clock = `
const fs = require('fs');
const path = require('path');
const vm = require('vm');
const home = process.env.HARAKA || process.cwd();
exports.register = function () {
  const move = vm.runInThisContext(\`(() => {
    const Real = globalThis.Date;
    let ahead = 0;
    globalThis.Date = class Date extends Real {
      constructor(...args) { args.length === 0 ? super(Real.now() + ahead) : super(...args); }
      static now() { return Real.now() + ahead; }
    };
    return (to) => { ahead = to; };
  })()\`);
  let said = -1;
  const look = () => {
    try {
      const ahead = Number(fs.readFileSync(path.join(home, 'clock'), 'utf8'));
      if (!Number.isFinite(ahead) || ahead === said) return;
      move(ahead);
      said = ahead;
      this.lognotice('clock of ' + process.pid + ' is ahead by ' + ahead);
    } catch {}
  };
  setInterval(look, 50).unref();
  look();
};
`;

/** Moves the clock; resolves when `processes` of them have moved. */
export async function moveClock(lab: Lab, ahead: number, processes = 1): Promise<void> {
  const from = lab.haraka.logLines.length;
  await writeFile(path.join(lab.haraka.directory, 'clock'), String(ahead));
  for (let moved = 0; moved < processes; moved++) {
    let seen = 0;
    await lab.haraka.waitForLog(new RegExp(`clock of \\d+ is ahead by ${ahead}(?!\\d)`), { from });
    while (seen < processes) {
      seen = lab.haraka.logLines.slice(from).filter((line) => line.includes(`is ahead by ${ahead}`)).length;
      if (seen < processes) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return;
  }
}

/** Milliseconds from now to `time` (UTC, HH:MM) on the day that is `days` from now. */
export function aheadTo(days: number, time: string): number {
  const now = new Date();
  const day = new Date(now.getTime() + days * 86_400_000).toISOString().slice(0, 10);
  return Date.parse(`${day}T${time}:00Z`) - now.getTime();
}

export function dayText(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}
