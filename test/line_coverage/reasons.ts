/** Why lines do not run in any end-to-end test. */
export interface Reason {
  readonly file: string;
  /** The line with which it begins, without indentation; there is exactly one like it in the file. */
  readonly from: string;
  /** How many lines; 1 where absent. */
  readonly lines?: number;
  /** `by_chance`: whether they run is up to who is faster. */
  readonly runs?: 'never' | 'by_chance';
  readonly reason: string;
}

export const reasons: readonly Reason[] = [];
