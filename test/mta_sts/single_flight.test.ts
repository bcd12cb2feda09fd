import { describe, expect, it } from 'vitest';
import { SingleFlight } from '../../src/mta_sts/single_flight';

describe('a single flight', () => {
  it('has one of a kind at a time, whose outcome all get that ask meanwhile', async () => {
    const flight = new SingleFlight<string>();
    const begun: string[] = [];
    const work = (name: string) => () => {
      begun.push(name);
      return Promise.resolve(name);
    };
    const outcomes = [
      flight.do('a', work('first')),
      flight.do('a', work('second')),
      flight.do('b', work('third')),
    ];
    expect(await Promise.all(outcomes)).toEqual(['first', 'first', 'third']);
    expect(begun).toEqual(['first', 'third']);
  });

  it('begins anew once it has landed, with or without success', async () => {
    const flight = new SingleFlight<string>();
    await expect(flight.do('a', () => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    expect(flight.inFlight('a')).toBeUndefined();
    expect(await flight.do('a', () => Promise.resolve('found'))).toBe('found');
  });

  it('is settled when all that was in flight has landed', async () => {
    const flight = new SingleFlight<void>();
    let land: () => void = () => undefined;
    const landed: string[] = [];
    void flight.do('a', () => new Promise((resolve) => (land = resolve))).then(() => landed.push('a'));
    flight.do('b', () => Promise.reject(new Error('lost'))).catch(() => landed.push('b'));
    const settled = flight.settled().then(() => landed.push('settled'));
    await new Promise(setImmediate);
    expect(landed).toEqual(['b']);
    land();
    await settled;
    expect(landed).toEqual(['b', 'a', 'settled']);
  });
});
