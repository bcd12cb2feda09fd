export type Print = (line: string) => void;

export function fail(what: string): never {
  throw new Error(what);
}

export function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
