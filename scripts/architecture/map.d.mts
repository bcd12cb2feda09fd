export function renewMap(page: string): string;
