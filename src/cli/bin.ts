#!/usr/bin/env node
import { messageOf } from '../text';
import { exit } from './command';
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

main(process.argv.slice(2), { output, env: process.env, now: new Date() }).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    output.complain(`tls-peers: ${messageOf(error)}`);
    process.exitCode = exit.failed;
  },
);
