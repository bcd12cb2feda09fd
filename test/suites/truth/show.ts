/** One misconfiguration: made, found, mended by what the finding says. */
import { lint, told, type Install } from './install';
import { follow } from './mending';
import type { Misconfiguration } from './misconfigurations';

export interface Shown {
  /** What was done to mend it. */
  readonly mended: string;
  /** What is not as it should be; empty where all is. */
  readonly faults: readonly string[];
}

export async function show(install: Install, { make, found, takes }: Misconfiguration): Promise<Shown> {
  const options = takes === 'files' ? ['--offline'] : [];
  const ends: (() => Promise<void>)[] = [];
  try {
    await make(install, (end) => void ends.push(end));
    const { findings } = await lint(install, ...options);
    const finding = findings.find((one) => found.test(told(one)));
    if (finding === undefined)
      return {
        mended: '',
        faults: [`it was not found, but: ${findings.map(told).join(' | ') || 'nothing'}`],
      };
    const mended = await follow(install, finding.mend);
    const { code, findings: left } = await lint(install, ...options);
    const faults = left.map((one) => `still found: ${told(one)}`);
    return { mended, faults: code === 0 ? faults : [...faults, `the exit code is ${code}`] };
  } finally {
    for (const end of ends) await end();
  }
}
