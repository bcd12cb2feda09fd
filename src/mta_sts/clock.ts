/** Two clocks, both in milliseconds: the wall's, which may jump, and one that only ever moves on. */
export interface Clock {
  /** Since 1970. What is written to disk, because it means something to the next process. */
  wall(): number;
  /** Since some moment of this process. Ages and waiting times are measured with it. */
  steady(): number;
}

export const systemClock: Clock = { wall: () => Date.now(), steady: () => performance.now() };
