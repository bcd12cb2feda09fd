/** The record as the page keeps it in memory: taken in again now and then, and no more often than that pays. */
import type { Day } from '../../peers/day';
import { Cube, type CubeOptions } from './cube';

/** The record is not read again before so many milliseconds have passed, nor before so many times as long as it took. */
const leastPauseMs = 5_000;
const pauseFactor = 10;

export class KeptRecord {
  readonly cube: Cube;
  #refreshing: Promise<void> | undefined;
  #notBefore = 0;

  constructor(options: CubeOptions) {
    this.cube = new Cube(options);
  }

  /** @param isEarlier whether that is asked for beyond the usual days. @throws Error where it cannot be read at all */
  async upToDate(from: Day, to: Day, isEarlier: boolean): Promise<Cube> {
    if (isEarlier || performance.now() >= this.#notBefore)
      this.#refreshing ??= this.#refresh(from, to).finally(() => {
        this.#refreshing = undefined;
      });
    await this.#refreshing;
    return this.cube;
  }

  async #refresh(from: Day, to: Day): Promise<void> {
    const begun = performance.now();
    await this.cube.refresh(from, to);
    const took = performance.now() - begun;
    this.#notBefore = performance.now() + Math.max(leastPauseMs, pauseFactor * took);
  }
}
