import { describe, expect, test } from 'vitest';
import { rememberAnswerer } from '../../src/delivery/answerer';
import type { HMailItem } from '../../src/delivery/haraka';

/** As Haraka's `run_next_hook` has it: set while the hook runs, null before its answer is handled. */
function run(hmail: { current_hook?: unknown }, ...plugins: unknown[]): void {
  for (const plugin of plugins) {
    hmail.current_hook = [plugin, 'hook_get_mx', () => undefined];
    hmail.current_hook = null;
  }
}

const named = (name: string) => ({ name });
const delivery = (fields: object = {}) => fields as HMailItem;

describe('who answered', { tags: ['regression'] }, () => {
  test('is the plugin whose hook ran last', () => {
    const hmail = delivery();
    const answerer = rememberAnswerer(hmail);
    expect(answerer()).toBeUndefined();
    run(hmail, named('first'), named('queue/smtp_forward'));
    expect(answerer()).toBe('queue/smtp_forward');
    expect(hmail.current_hook).toBeNull();
    run(hmail, named('first'));
    expect(answerer()).toBe('first');
  });

  test('is nobody known where the plugin has no name', () => {
    const hmail = delivery();
    const answerer = rememberAnswerer(hmail);
    for (const nameless of [{}, { name: 7 }, null, undefined, 'relay']) {
      run(hmail, named('relay'), nameless);
      expect(answerer()).toBeUndefined();
    }
  });

  test('what Haraka does with the property goes on as before', () => {
    const cancel = () => undefined;
    const running = [named('earlier'), 'hook_send_email', cancel];
    const hmail = delivery({ current_hook: running });
    const answerer = rememberAnswerer(hmail);
    expect(hmail.current_hook).toBe(running);
    expect(answerer()).toBeUndefined();
    hmail.current_hook = undefined;
    expect(hmail.current_hook).toBeUndefined();
    expect(Object.keys(hmail)).toContain('current_hook');
    // Another plugin may look as well.
    rememberAnswerer(hmail);
    run(hmail, named('later'));
    expect(hmail.current_hook).toBeNull();
  });
});
