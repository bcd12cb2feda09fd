import type { ESLint } from 'eslint';

export function forbiddenBecause(file: string, target: string): string | undefined;
export const architecture: ESLint.Plugin;
