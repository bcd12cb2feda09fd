/** What is held, one line each. */
export class Checks {
  readonly faults: string[] = [];
  count = 0;

  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  hold(what: string, holds: boolean, seen: unknown = ''): void {
    this.count += 1;
    const text = holds ? '' : `, but ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`;
    this.#say(`${holds ? 'ok  ' : 'FAIL'} ${what}${text}`);
    if (!holds) this.faults.push(`${what}${text}`);
  }

  same(what: string, seen: unknown, expected: unknown): void {
    this.hold(what, JSON.stringify(seen) === JSON.stringify(expected), seen);
  }
}
