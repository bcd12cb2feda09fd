/** How much of what a peer sends is looked at. What looking at it may cost is for `x509/work_budget`. */
export const limits = {
  /** Certificates beside the leaf, those in records included. */
  candidates: 32,
  /** Certificates in a path. */
  pathLength: 16,
} as const;
