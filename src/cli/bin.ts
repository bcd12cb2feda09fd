#!/usr/bin/env node
import { messageOf } from '../text';
import { exit } from './command';
import { answerAsHarakasUser, askedAsHarakasUser, becomeHarakasUser } from './harakas_user';
import type { Becoming } from './harakas_view';
import { main } from './main';
import { processOutput } from './process_output';

const output = processOutput();

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read has read enough, as `head` does: there is nobody left to tell.
    if (error.code !== 'EPIPE') output.complain(`tls-peers: ${error.message}`);
    process.exit(exit.failed);
  });
}

const [, program = '', ...args] = process.argv;
const asked = askedAsHarakasUser(args);
const becoming: Becoming =
  asked === undefined
    ? { kind: 'another', answer: (call) => answerAsHarakasUser(program, call) }
    : { kind: 'this', become: becomeHarakasUser };

main(asked ?? args, { output, env: process.env, now: new Date(), becoming }).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    output.complain(`tls-peers: ${messageOf(error)}`);
    process.exitCode = exit.failed;
  },
);
