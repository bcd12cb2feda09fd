/**
 * The bound on what one verification may cost, for a peer chooses its certificates and records.
 *
 * Verification is synchronous, so its cost is a pause for every other connection of the process. Steps that a peer can
 * multiply are counted here, and a signature is checked once for each certificate and key. What is counted, rather than
 * the clock, decides: the same input gets the same verdict on every machine.
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import {
  derOf,
  publicKeyOf,
  readCertificate,
  type CertificateFields,
  type NameConstraints,
} from './certificate';
import type { ConstraintResult, NamesByKind, Position } from './constraint_result';
import type { CheckCost } from './strength';

/** As much of each as one verification may take. All of them together are some 30 ms on a machine of 2020. */
export const allowances = {
  /** In units of `CheckCost`: 512 checks with RSA-2048, 170 with P-256, 32 with RSA-8192, 16 with P-384, 7 with P-521. */
  signatures: 512,
  /** Paths followed, and paths judged. */
  paths: 256,
  /** Names held against name constraints or reference names. OpenSSL allows 2^20 for each pair of certificates. */
  nameComparisons: 2 ** 17,
} as const;

export type WorkKind = keyof typeof allowances;

const inWords: Readonly<Record<WorkKind, string>> = {
  signatures: `more signature checks than ${allowances.signatures} with RSA-2048 would take`,
  paths: `more than ${allowances.paths} paths`,
  nameComparisons: `more than ${allowances.nameComparisons} comparisons of names`,
};

/** Thrown where an allowance is spent. Where the verification began it becomes a refusal. */
export class WorkBudgetSpent extends Error {
  override readonly name = 'WorkBudgetSpent';

  constructor(readonly kind: WorkKind) {
    super(`the certificates and records take too much work to judge: ${inWords[kind]}`);
  }
}

/** A key that may have signed certificates. */
export interface IssuerKey {
  /** Its SubjectPublicKeyInfo, DER; the same object for the same holder. */
  readonly info: Uint8Array;
  readonly cost: CheckCost;
  readonly key: () => KeyObject | 'unsupported';
}

/** `unchecked`: a check with this key could take too long, or the key is of no known kind. */
export type Signature = 'signed' | 'not_signed' | 'unchecked';

/** The key of `certificate`, as one that may have signed others. */
export function issuerKeyOf(certificate: X509Certificate): IssuerKey {
  const result = readCertificate(certificate);
  if (result.kind === 'malformed') return unreadableKey;
  const { publicKeyInfo: info, key } = result.fields;
  return { info, cost: key.cost, key: () => publicKeyOf(certificate) };
}

const unreadableKey: IssuerKey = {
  info: new Uint8Array(),
  cost: { kind: 'excessive', text: 'a key that cannot be read' },
  key: () => 'unsupported',
};

/** What one verification has spent so far, and what it found out on the way. */
export class WorkBudget {
  readonly #spent: Record<WorkKind, number> = { signatures: 0, paths: 0, nameComparisons: 0 };
  readonly #signatures = new PairMemo<X509Certificate, string, Signature>();
  readonly #contents = new Map<Uint8Array, string>();
  /** The names of a certificate that constraints concern. */
  readonly constrainedNames = new PairMemo<CertificateFields, Position, NamesByKind>();
  /** Of the constraints of one certificate and the names of another. */
  readonly constraintResults = new PairMemo<NameConstraints, CertificateFields, ConstraintResult>();

  /** What was asked for so far; at most one step beyond an allowance. */
  get spent(): Readonly<Record<WorkKind, number>> {
    return this.#spent;
  }

  /** Call before the work. @throws WorkBudgetSpent */
  spend(kind: WorkKind, amount: number): void {
    this.#spent[kind] += amount;
    if (this.#spent[kind] > allowances[kind]) throw new WorkBudgetSpent(kind);
  }

  /** Whether the holder of `issuer` signed `certificate`, found out once. @throws WorkBudgetSpent */
  signature(certificate: X509Certificate, issuer: IssuerKey): Signature {
    const { cost, key } = issuer;
    if (cost.kind === 'excessive') return 'unchecked';
    return this.#signatures.get(certificate, this.#contentOf(issuer.info), () => {
      this.spend('signatures', cost.units + Math.floor(derOf(certificate).length / octetsPerUnit));
      return signedBy(certificate, key()) ? 'signed' : 'not_signed';
    });
  }

  /** Renewed and cross-signed certificates share a key, and with it what is known of its signatures. */
  #contentOf(info: Uint8Array): string {
    let content = this.#contents.get(info);
    if (content === undefined) {
      content = Buffer.from(info.buffer, info.byteOffset, info.length).toString('latin1');
      this.#contents.set(info, content);
    }
    return content;
  }
}

/** What was found out about pairs. */
class PairMemo<A, B, Result> {
  readonly #known = new Map<A, Map<B, Result>>();

  /** What `find` says of the pair; it is asked once. */
  get(a: A, b: B, find: () => Result): Result {
    let ofA = this.#known.get(a);
    if (!ofA) this.#known.set(a, (ofA = new Map<B, Result>()));
    const known = ofA.get(b);
    if (known !== undefined) return known;
    const result = find();
    ofA.set(b, result);
    return result;
  }
}

/** The digest over a certificate of this size costs about one unit. */
const octetsPerUnit = 8192;

/** Whether `key` signed `certificate`. False for a key that does not suit the signature. */
function signedBy(certificate: X509Certificate, key: KeyObject | 'unsupported'): boolean {
  if (key === 'unsupported') return false;
  try {
    return certificate.verify(key);
  } catch {
    return false;
  }
}
