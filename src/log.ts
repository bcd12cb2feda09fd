/** Where a module says what an operator should know. One line per call, already printable. */
export interface Log {
  debug(line: string): void;
  info(line: string): void;
  notice(line: string): void;
  warn(line: string): void;
  error(line: string): void;
}

export const silent: Log = { debug() {}, info() {}, notice() {}, warn() {}, error() {} };
