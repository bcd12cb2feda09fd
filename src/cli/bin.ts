#!/usr/bin/env node
import { messageOf } from '../text';
import { exit } from './command';
import { main } from './main';
import { processOutput } from './output';

const output = processOutput();

main(process.argv.slice(2), { output, env: process.env, now: new Date() }).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    output.complain(`tls-peers: ${messageOf(error)}`);
    process.exitCode = exit.failed;
  },
);
