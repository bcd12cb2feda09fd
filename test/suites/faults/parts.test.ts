/** Recipients who are to get a message of their own, when it cannot be written: whoever has the message is told nothing else. */
import { afterEach, expect, it } from 'vitest';
import { startLab, type Lab } from '../../../haraka-test-harness/lab';
import type { Behaviour } from '../../../haraka-test-harness/behaviours';

const choosy: Behaviour = {
  recipients: {
    late: { do: 'reply', text: '450 4.2.1 not now\r\n' },
    never: { do: 'reply', text: '550 5.1.1 nobody\r\n' },
  },
};

/** What keeps a part of a message from being written, at the first attempt. */
const troubles = {
  'a disk that is full': `
exports.register = function () {
  const outbound = this.haraka_require('outbound');
  const { build_todo } = outbound;
  outbound.build_todo = function (todo, ws, more) {
    if (todo.notes.full === undefined) return build_todo.call(outbound, todo, ws, more);
    setImmediate(() => ws.emit('error', new Error('ENOSPC: no space left on device')));
  };
  this.register_hook('get_mx', 'mark');
  this.register_hook('delivered', 'slow');
};
exports.mark = (next, { num_failures, todo }) => {
  todo.notes.full = num_failures === 0 ? 'now' : undefined;
  next();
};
// Meanwhile Haraka would throw if it was told of a bounce.
exports.slow = (next) => { setTimeout(next, 300); };
`,
  'notes that cannot be written': `
exports.register = function () { this.register_hook('get_mx', 'mark'); };
exports.mark = (next, { num_failures, todo }) => {
  todo.notes.itself = num_failures === 0 ? todo.notes : undefined;
  next();
};
`,
} as const;

let lab: Lab | undefined;
afterEach(() => lab?.stop());

it.each(Object.keys(troubles) as (keyof typeof troubles)[])(
  '%s: who has the message gets it once, and the others in the end',
  { tags: ['regression'] },
  async (trouble) => {
    lab = await startLab(
      { domains: { 'choosy.example': { mx: [{ behaviour: [choosy, 'normal'] }] }, 'ours.example': {} } },
      {
        plugins: ['tls-peers', 'trouble'],
        ownPlugins: { trouble: troubles[trouble] },
        retryIntervals: '5s*3',
        dsn: 'send',
      },
    );
    const has = 'b@choosy.example';
    const others = ['late@choosy.example', 'never@choosy.example'];
    await lab.send({ from: 'a@ours.example', to: [has, ...others] });
    const peer = lab.peer('mx.choosy.example');
    await peer.until(() => peer.messages.length > 1, 15_000);
    await lab.haraka.waitForLog(/no message of their own could be written for .*late.*never/);
    // Whatever came twice would come as soon as this.
    await lab.deliver({ from: 'a@ours.example', to: 'c@ours.example' });
    expect(peer.messages.map(({ to }) => to)).toEqual([[has], others]);
    expect(lab.peer('mx.ours.example').messages).toHaveLength(1);
    expect(lab.haraka.logLines.filter((line) => line.includes('Caught exception'))).toEqual([]);
  },
);
