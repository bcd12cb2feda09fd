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

const isDefence = 'A second line of defence: what it guards against is ruled out where it would come from.';

export const reasons: readonly Reason[] = [
  {
    file: 'plugins/outbound.ts',
    from: '(error: unknown) => {',
    lines: 3,
    reason: `${isDefence} The guard's offer catches its own faults, and never rejects.`,
  },
  {
    file: 'plugins/inbound.ts',
    from: 'this.plugin.logerror(`the order of plugins at rcpt is unknown: ${messageOf(error)}`);',
    reason: `${isDefence} Every Haraka that the outbound piece does not refuse has this list of hooks.`,
  },
  {
    file: 'src/delivery/newer_policy.ts',
    from: 'onFault(printable(messageOf(error)));',
    lines: 2,
    reason: `${isDefence} The refresh of a policy never rejects, and heeds the same deadline.`,
  },
  {
    file: 'src/delivery/own_address.ts',
    from: 'return Object.values(networkInterfaces()).some((own = []) => own.some((one) => one.address === address));',
    reason: 'All hosts of the lab are on loopback addresses; the tests touch no interface of the machine.',
  },
];
