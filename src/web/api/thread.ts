/** The thread that answers: see clerk.ts. */
import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, printable } from '../../text';
import { Desk } from './desk';
import { failureOf, written } from './reply';
import { Router } from './router';
import type { Answered, Question, ThreadData } from '../shared/wire';

try {
  // On Linux a thread has a priority of its own: what delivers comes first.
  if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW);
} catch {
  // Then it is as good as the others.
}

const { configDirectory } = workerData as ThreadData;
const router = new Router(new Desk(configDirectory));

parentPort?.on('message', (question: Question) => {
  void answer(question).then((answered) =>
    parentPort?.postMessage(answered, [answered.body.buffer as ArrayBuffer]),
  );
});

async function answer(question: Question): Promise<Answered> {
  const { id, gzip } = question;
  try {
    const reply = await router.answer(question);
    return { id, status: reply.kind === 'json' ? reply.status : 200, ...written(reply, gzip) };
  } catch (error) {
    const { status, retry } = failureOf(error);
    const message = printable(messageOf(error), 500);
    const { headers, body } = written(
      { kind: 'json', status, document: { error: { code: status, message } } },
      false,
    );
    return {
      id,
      status,
      headers: retry === 0 ? headers : { ...headers, 'Retry-After': String(retry) },
      body,
    };
  }
}
