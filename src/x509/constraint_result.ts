/** What came of holding one certificate's names against the constraints of another. Plain data. */
import type { GeneralName } from './certificate';

/** The common name of a leaf may serve as a name of the host; that of a CA is only what it is called. */
export type Position = 'leaf' | 'ca';

/** By kind: only names and constraints of the same kind concern each other. */
export type NamesByKind = ReadonlyMap<string, readonly GeneralName[]>;

export type ConstraintResult =
  | { readonly kind: 'allowed' }
  /** `name` is not permitted, is excluded, or is of a kind that is constrained in a way not understood. */
  | { readonly kind: 'violated'; readonly name: string }
  /** The subject, or a directory name in a constraint. */
  | { readonly kind: 'malformed'; readonly text: string };
