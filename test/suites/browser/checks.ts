/** What is looked at, one line for each, as it is found. */
export interface Checks {
  readonly failed: number;
  /** @returns `ok`, for what depends on it */
  check(what: string, ok: boolean, detail?: string): boolean;
  note(line: string): void;
}

export function startChecks(print: (line: string) => void): Checks {
  let failed = 0;
  return {
    get failed() {
      return failed;
    },
    check(what, ok, detail = '') {
      if (!ok) failed += 1;
      print(`  ${ok ? 'ok   ' : 'WRONG'} ${what}${detail === '' ? '' : `: ${detail}`}`);
      return ok;
    },
    note: (line) => print(`        ${line}`),
  };
}
