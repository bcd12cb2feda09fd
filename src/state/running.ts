/** Processes of this machine. */
import { codeOf } from './error_code';

/** Whether a process of that number runs, also another user's. In another container nobody can tell. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
