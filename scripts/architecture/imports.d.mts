export type Graph = Map<string, string[]>;
export function importGraph(files?: readonly string[], read?: (file: string) => string): Graph;
export function cyclesIn(graph: Graph): string[][];
