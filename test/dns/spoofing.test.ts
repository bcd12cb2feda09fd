import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { createResolver } from '../../src/dns/resolver';
import { encodeAnswer, LabResolver, type LabAnswer, type LabQuery } from './lab_resolver';
import { nothingLeft, watchLeftovers } from './leftovers';

watchLeftovers();

const real: LabAnswer = { ad: true, answers: [{ type: 'A', data: '192.0.2.1' }] };
const forged: LabAnswer = { ad: true, answers: [{ type: 'A', data: '203.0.113.66' }] };

const questions = 20;
const forgeriesEach = 500;
const burst = 25;

test(`${questions * forgeriesEach} forged answers to pending questions: none accepted, the real ones still taken`, async () => {
  const sent = { wrongId: 0, wrongQuestion: 0, wrongSource: 0 };
  // Where the resolver's own socket can be written from, there is an attacker who guesses the port but not the id.
  const stranger = createSocket('udp4').bind(0, '127.0.0.2');
  await once(stranger, 'listening');

  const lab = await LabResolver.start({}, { otherwise: attacked });
  const resolver = createResolver({ servers: [lab.server], timeoutMs: 15_000, deadlineMs: 18_000 });
  const ports = new Set<number>();
  const ids = new Set<number>();

  /** Sends the forgeries in bursts that fit into a socket's buffer, waiting until each was seen, then the real answer. */
  async function attacked(query: LabQuery): Promise<LabAnswer> {
    ports.add(query.port);
    ids.add(query.id);
    for (let done = 0; done < forgeriesEach; done += burst) {
      const goal = sent.wrongId + sent.wrongQuestion + burst;
      for (let i = done; i < done + burst; i++) lab.send(forgery(query, i), query.port);
      await new Promise<void>((resolve) => {
        sent.wrongSource++;
        stranger.send(encodeAnswer(query, forged), query.port, '127.0.0.1', () => resolve());
      });
      while (resolver.status().traffic.foreign < goal) await new Promise((resolve) => setImmediate(resolve));
    }
    return real;
  }

  /** The right port and source, but another id (never the right one), or the right id and another question. */
  function forgery(query: LabQuery, i: number): Buffer {
    if (i % 2 === 0) {
      sent.wrongId++;
      return encodeAnswer({ ...query, id: (query.id + 1 + i) & 0xffff }, forged);
    }
    sent.wrongQuestion++;
    return encodeAnswer(
      i % 4 === 1 ? { ...query, name: `x${query.name}` } : { ...query, type: 'AAAA' },
      forged,
    );
  }

  const accepted: string[] = [];
  for (let i = 0; i < questions; i++) {
    const answer = await resolver.a(`${i}.example`);
    accepted.push(answer.kind === 'records' ? answer.records.join() : answer.kind);
  }
  expect(accepted).toEqual(Array(questions).fill('192.0.2.1'));
  expect(resolver.status().traffic).toMatchObject({ udp: questions, foreign: questions * forgeriesEach });
  expect(sent).toEqual({ wrongId: 5000, wrongQuestion: 5000, wrongSource: 400 });
  // Both are random: that few of them are equal by chance is certain enough.
  expect(ports.size).toBeGreaterThan(questions - 4);
  expect(ids.size).toBeGreaterThan(questions - 4);
  console.log(`forged answers: ${JSON.stringify(sent)}; accepted: 0; real answers taken: ${accepted.length}`);

  resolver.close();
  await lab.close();
  await new Promise<void>((resolve) => stranger.close(() => resolve()));
  await nothingLeft();
});
