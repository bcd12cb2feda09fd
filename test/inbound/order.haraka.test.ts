/** Other plugins that answer RCPT, through a real Haraka that lists the pieces of the suite by themselves. */
import { expect, it } from 'vitest';
import { startLab } from '../../haraka-test-harness';
import { recipientReplies } from './support/client';

const plugin = (priority: number) => `
exports.register = function () {
  this.register_hook('connect', 'estrange', 200);
  this.register_hook('rcpt', 'accept', ${priority});
};
exports.estrange = (next, connection) => { connection.relaying = false; next(); };
exports.accept = (next) => next(OK);
`;

const strict = { 'tls-peers/strict.example.ini': '[inbound]\nsecurity_level = mandatory\n' };

/** This Haraka has no plugin that offers STARTTLS. */
const refused =
  '450 4.7.0 STARTTLS is required for this recipient, and this server does not offer it at the moment';

interface Answers {
  readonly strict: string;
  /** To a recipient whose domain has no rule. */
  readonly other: string;
  readonly moved: boolean;
}

async function answersWith(priority: number, workers: number): Promise<Answers> {
  const lab = await startLab(
    { domains: {} },
    {
      workers,
      plugins: ['eager', 'tls-peers/hosting', 'tls-peers/inbound', 'tls-peers'],
      ownPlugins: { eager: plugin(priority) },
      config: strict,
    },
  );
  try {
    const { port } = lab.haraka;
    const to = ['b@strict.example', 'b@other.example'];
    const visit = { port, tls: 'none', from: 'a@peer.example', to } as const;
    const replies = await recipientReplies(visit);
    return {
      strict: replies[0] ?? '',
      other: replies[1]?.slice(0, 4) ?? '',
      // The order is looked at while Haraka starts, before it takes mail.
      moved: lab.haraka.logLines.some((line) => /moved before eager at rcpt/.test(line)),
    };
  } finally {
    await lab.stop();
  }
}

it('a plugin that is listed first and accepts everybody does not get past the rule', async () => {
  expect(await answersWith(0, 0)).toEqual({ strict: refused, other: '250 ', moved: false });
});

it.each([0, 1])('nor does one that puts itself before us, with nodes=%s', async (workers) => {
  expect(await answersWith(-200, workers)).toEqual({ strict: refused, other: '250 ', moved: true });
});

it('a client that may relay to one domain is held to the rules of the others', async () => {
  const stranger = `
exports.register = function () { this.register_hook('connect', 'estrange', 200); };
exports.estrange = (next, connection) => { connection.relaying = false; next(); };
`;
  const lab = await startLab(
    { domains: {} },
    {
      plugins: ['tls-peers', 'stranger', 'relay'],
      ownPlugins: { stranger },
      config: {
        ...strict,
        'relay.ini': '[relay]\nacl = false\nforce_routing = false\nall = false\ndest_domains = true\n',
        'relay_dest_domains.ini': `[domains]\nother.example = {"action":"accept"}\nstrict.example = {"action":"accept"}\n`,
      },
    },
  );
  try {
    const to = ['b@other.example', 'b@strict.example'];
    const visit = { port: lab.haraka.port, tls: 'none', from: 'a@peer.example', to } as const;
    const replies = await recipientReplies(visit);
    expect(replies.map((reply) => reply.slice(0, 4))).toEqual(['250 ', '450 ']);
  } finally {
    await lab.stop();
  }
});
