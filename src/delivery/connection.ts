/**
 * One connection to one MX host, held to its requirement.
 *
 * Until TLS stands, this reads the peer's replies before Haraka does: every one of them is unauthenticated, so none may
 * bounce or hang the message, and nothing that arrives around STARTTLS may be read as if it came through TLS. What is
 * written is gated as well: where cleartext is forbidden, nothing but EHLO, LHLO, STARTTLS and QUIT leaves unencrypted.
 */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { Failure } from '../failure';
import type { Requirement } from '../policy/requirement';
import { checkSession, type SessionVerdict, type TlsRequirement } from '../policy/session';
import { anyVersion, versionRange, type VersionRange } from '../policy/version';
import { messageOf, printable } from '../text';
import { handshakeFailure } from '../tls/failure';
import { sessionFacts } from '../tls/session';
import { peerCertificates } from '../x509/sent_chain';
import { rememberCertificate } from './certificate_memo';
import { forbidsCleartext } from './cleartext';
import type { HMailItem, PluggableSocket } from './haraka';
import { LineReader, maxReplyLength } from './line_reader';
import { offersStartTls, present, presentEhlo, ReplyReader, type Reply } from './reply';

/** What the session came to be, for the summary. */
export interface Established {
  /** Empty in cleartext. */
  readonly tlsVersion: string;
  readonly cipher: string;
  /** How the peer was authenticated: `dane 3 1 1`, `pkix`, `unauthenticated`, `none` in cleartext. */
  readonly verified: string;
}

/** How far a connection had come when it failed. */
export type Stage =
  /** Before or at EHLO: nothing is known of the peer's TLS. */
  | 'greeting'
  /** STARTTLS or the handshake: where cleartext is allowed, a new connection may do without. */
  | 'starttls'
  /** The handshake was done, and did not meet the requirement. */
  | 'verification'
  /** The session stood, with or without TLS; Haraka was delivering. */
  | 'session';

/** Whom the connection tells what happened. Each connection ends in at most one `failed` or `lost`. */
export interface ConnectionOwner {
  established(session: Established): void;
  /** The requirement, or TLS, was not met. Called before Haraka goes on to the next host. */
  failed(failure: Failure, stage: Stage): void;
  /** The network failed: the connection was closed, reset or timed out. */
  lost(text: string, stage: Stage): void;
  /** Seen, and against what is only observed (`testing`, `monitor`). */
  recorded(failure: Failure): void;
}

export interface ConnectionTerms {
  readonly requirement: Requirement;
  /** `hidden`: without STARTTLS, whatever the peer offers. A failure: this time without, because of it. */
  readonly startTls: 'as_required' | 'hidden' | Failure;
  /** From connect to TLS, and from the start of the handshake to its end; milliseconds. */
  readonly dialogueMs: number;
  readonly handshakeMs: number;
  /** From whatever was sent last to a whole reply, once the session stands; milliseconds. */
  readonly replyMs: number;
  /** What is passed to `upgrade`, given what Haraka would have passed. */
  tlsOptions(options: Record<string, unknown>): Record<string, unknown>;
  now(): Date;
}

/**
 * `confirming`: the handshake is done on our side. In TLS 1.3 the peer may still refuse it then, so that a connection
 * that breaks before the peer's first word through TLS is a handshake that failed.
 *
 * `leaving`: Haraka ended the session with QUIT. It is done with the message, and with what the peer says.
 */
type State =
  | 'banner'
  | 'ehlo'
  | 'helo'
  | 'starttls'
  | 'handshake'
  | 'confirming'
  | 'secured'
  | 'cleartext'
  | 'leaving'
  | 'over';

type LostBy = 'broken' | 'timeout';

/** The message, as it is read from disk. */
interface Source {
  readonly readableEnded: boolean;
  destroy(): void;
}

/** What Haraka's `upgrade` says of a handshake that is done. */
interface Handshake {
  readonly authorized: boolean;
  readonly verifyError: unknown;
  /** DER; empty where the peer sent no certificate. */
  readonly leaf: Uint8Array;
}

/** What may be written unencrypted where cleartext is forbidden (RFC 3207 section 4). */
const beforeTls = /^(?:EHLO|LHLO|STARTTLS|QUIT)(?: [^\r\n]*)?\r\n$/i;

/** A permanent refusal for want of TLS: 530 (RFC 3207 section 4), 5.7.10 (RFC 5248 section 3), or one that says so. */
const demandsTls = /^5(?:30|\d\d[ -]5\.7\.10\b|\d\d[ -].*(?:TLS|encrypt))/i;

export class GuardedConnection {
  private state: State = 'banner';
  private readonly replies = new ReplyReader();
  private lines = new LineReader();
  private timer: NodeJS.Timeout | undefined;
  /** What the handshake offers. */
  private versions: VersionRange = anyVersion;
  /** What Haraka reads the message from; it lets go of the stream without closing it. */
  private source: Source | undefined;
  private readonly write: PluggableSocket['write'];
  private readonly upgrade: PluggableSocket['upgrade'];

  constructor(
    private readonly hmail: HMailItem,
    private readonly socket: PluggableSocket,
    private readonly terms: ConnectionTerms,
    private readonly owner: ConnectionOwner,
  ) {
    this.write = socket.write.bind(socket);
    this.upgrade = socket.upgrade.bind(socket);
    socket.write = (data, ...rest) => this.gatedWrite(data, rest);
    socket.upgrade = (options, callback) => this.guardedUpgrade(options, callback);
    this.noticeRelease();
  }

  /**
   * Takes over what Haraka's line processor would read. To be called right after Haraka has attached its own listeners,
   * before the event loop turns.
   */
  attach(): void {
    const { socket } = this;
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Uint8Array) => this.receive(chunk));
    socket.on('pipe', (source: Source) => (this.source = source));
    socket.prependListener('error', (error: unknown) => this.onError(error));
    socket.prependListener('close', () => this.onLost('the peer closed the connection', 'broken'));
    socket.prependListener('timeout', () => this.onLost('the peer took too long to answer', 'timeout'));
    // After Haraka's own: it forgets a socket whose message is done, and a peer that leaves QUIT unanswered would keep it.
    socket.on('timeout', () => socket.destroy());
    this.restartTimer(this.terms.dialogueMs, 'the peer took too long before TLS');
  }

  private get protecting(): boolean {
    return forbidsCleartext(this.terms.requirement);
  }

  // --- what the peer sends -------------------------------------------------------------------------------------

  private receive(chunk: Uint8Array): void {
    if (this.state === 'confirming') this.state = 'secured';
    if (this.state === 'cleartext' || this.state === 'secured') {
      this.sessionLines(chunk);
      return;
    }
    if (!this.isListening()) return;
    for (const event of this.replies.push(chunk)) {
      if (event.kind === 'malformed') this.onMalformed(event.seen);
      else this.onReply(event.reply, event.excess);
      if (!this.isListening()) return;
    }
  }

  /** As Haraka's own line processor, over bytes that are what the requirement allows them to be. */
  private sessionLines(chunk: Uint8Array): void {
    for (const line of this.lines.push(chunk)) {
      // Lines that announce more lines buy no time.
      if (line[3] !== '-') this.awaitReply();
      if (this.isOutOfStep(line) || this.isLockedOut(line)) return;
      this.socket.emit('line', plainlyPositive(line));
      if (this.hasEnded()) return;
    }
    if (this.lines.isTooLong()) {
      this.socket.emit('error', new Error(`the peer sent a reply of more than ${maxReplyLength} characters`));
    }
  }

  /** Nothing but a refusal can be meant before the message is whole; Haraka would begin it anew, each time. */
  private isOutOfStep(line: string): boolean {
    if (this.source?.readableEnded !== false || !/^[23]/.test(line)) return false;
    this.lose(`the peer answered ${printable(line.trimEnd(), 80)} before it had the whole message`);
    return true;
  }

  /**
   * A peer whose TLS has just failed, and that takes no mail without it: to bounce for that would make one broken handshake
   * final. It counts as a host that failed for what was wrong with its TLS.
   */
  private isLockedOut(line: string): boolean {
    const { startTls } = this.terms;
    // The message itself is refused for other reasons.
    if (typeof startTls !== 'object' || this.source !== undefined || !demandsTls.test(line)) return false;
    const text = `${startTls.text}; without TLS the peer answers ${printable(line.trimEnd(), 120)}`;
    this.fail({ reason: startTls.reason, text }, 'session');
    return true;
  }

  private onMalformed(seen: string): void {
    const text = `the peer answered with something that is no SMTP reply: ${printable(seen, 80)}`;
    if (this.state === 'starttls') this.fail({ reason: 'tls-handshake-failed', text }, 'starttls');
    else this.lose(text);
  }

  private onReply(reply: Reply, excess: number): void {
    switch (this.state) {
      case 'banner':
        if (this.protecting && !positive(reply)) this.lose(`the peer greeted with ${quote(reply)}`);
        else this.pass(present(reply));
        return;
      case 'ehlo':
        this.onEhlo(reply);
        return;
      case 'helo':
        this.onHelo(reply);
        return;
      case 'starttls':
        this.onStartTls(reply, excess);
        return;
      default:
      // Nothing is read here in any other state.
    }
  }

  private onEhlo(reply: Reply): void {
    if (!positive(reply)) {
      // Haraka would answer with HELO, which knows no STARTTLS; at a protecting level that ends in silence.
      const text = `the peer answered EHLO with ${quote(reply)}`;
      if (!this.protecting) this.pass(present(reply));
      else if (reply.code.startsWith('5')) this.fail({ reason: 'starttls-not-supported', text }, 'greeting');
      else this.lose(text);
      return;
    }
    const { requirement } = this.terms;
    if (requirement.kind === 'cleartext' || this.terms.startTls !== 'as_required') {
      this.present(reply, 'hidden');
    } else if (offersStartTls(reply)) {
      this.present(reply, 'offered');
    } else if (!this.protecting) {
      this.observeMissingTls(requirement);
      this.present(reply, 'hidden');
    } else {
      this.fail({ reason: 'starttls-not-supported', text: 'the peer does not offer STARTTLS' }, 'greeting');
    }
  }

  /** HELO knows no extensions (RFC 5321 section 2.2.1): what its reply seems to offer is not there. */
  private onHelo(reply: Reply): void {
    if (!positive(reply)) {
      this.pass(present(reply));
      return;
    }
    this.observeMissingTls(this.terms.requirement);
    this.present(reply, 'hidden');
  }

  private observeMissingTls(requirement: Requirement): void {
    if (requirement.kind !== 'opportunistic' || requirement.observe === 'nothing') return;
    this.owner.recorded({ reason: 'starttls-not-supported', text: 'the peer does not offer STARTTLS' });
  }

  /** `force_tls` makes Haraka go straight to STARTTLS, past its own lists and its Redis memory. */
  private present(reply: Reply, startTls: 'offered' | 'hidden'): void {
    this.hmail.force_tls = startTls === 'offered';
    this.pass(presentEhlo(reply, startTls));
  }

  private onStartTls(reply: Reply, excess: number): void {
    // RFC 3207 section 4 knows one positive reply. Another one answers something else: the peer is out of step.
    if (reply.code !== '220') {
      this.fail(
        { reason: 'tls-handshake-failed', text: `the peer refused STARTTLS: ${quote(reply)}` },
        'starttls',
      );
    } else if (excess > 0) {
      const text = 'the peer sent data in cleartext after it had agreed to STARTTLS';
      this.fail({ reason: 'tls-handshake-failed', text }, 'starttls');
    } else {
      this.state = 'handshake';
      this.pass(present(reply));
    }
  }

  private pass(lines: readonly string[]): void {
    for (const line of lines) {
      this.socket.emit('line', line);
      if (this.hasEnded()) return;
    }
  }

  // --- what Haraka sends -----------------------------------------------------------------------------------------

  private gatedWrite(data: string | Uint8Array, rest: unknown[]): unknown {
    if (this.maySend(data)) return this.write(data, ...rest);
    return false;
  }

  private maySend(data: string | Uint8Array): boolean {
    switch (this.state) {
      case 'leaving':
      case 'over':
        // Haraka may still be reading the message from disk; a peer that refused it halfway must not get the rest.
        return false;
      case 'confirming':
      case 'secured':
        if (this.socket.isEncrypted() !== true) break;
        this.followSession(data);
        return true;
      case 'cleartext':
        this.followSession(data);
        return true;
      case 'handshake':
        this.fail(unverified, 'starttls');
        return false;
      default: {
        const text = textOf(data);
        if (this.protecting && !beforeTls.test(text)) break;
        this.follow(text);
        return true;
      }
    }
    this.blocked(textOf(data));
    return false;
  }

  private followSession(data: string | Uint8Array): void {
    this.awaitReply();
    // The message itself comes in buffers.
    if (data === 'QUIT\r\n') this.state = 'leaving';
  }

  private blocked(text: string): void {
    const verb = printable(text.split(' ')[0] ?? '', 20);
    this.hmail.logerror(`tls-peers: kept ${verb} from being sent without TLS`);
    this.fail({ reason: 'internal-error', text: `${verb} was about to be sent without TLS` }, 'greeting');
  }

  private follow(command: string): void {
    const verb = /^[A-Za-z]+/.exec(command)?.[0].toUpperCase() ?? '';
    if (verb === 'EHLO' || verb === 'LHLO') this.state = 'ehlo';
    else if (verb === 'HELO') this.state = 'helo';
    else if (verb === 'STARTTLS') this.state = 'starttls';
    else if (verb !== 'QUIT') this.settleForCleartext();
  }

  private settleForCleartext(): void {
    this.beginSession();
    this.state = 'cleartext';
    this.owner.established({ tlsVersion: '', cipher: '', verified: 'none' });
  }

  // --- the handshake ---------------------------------------------------------------------------------------------

  private guardedUpgrade(
    options: Record<string, unknown>,
    callback: Parameters<PluggableSocket['upgrade']>[1],
  ): void {
    if (this.state !== 'handshake') return;
    this.restartTimer(this.terms.handshakeMs, 'the peer did not finish the TLS handshake in time');
    try {
      const wanted = this.terms.tlsOptions(options);
      this.versions = versionRange(wanted);
      let forget: () => void = () => undefined;
      this.upgrade(wanted, (authorized, verifyError, certificate, cipher) => {
        forget();
        if (this.state !== 'handshake') return;
        this.beginSession();
        if (!this.accept({ authorized, verifyError, leaf: leafOf(certificate) })) return;
        // Haraka would give up where PKIX fails; what the requirement asks for has just been checked.
        const met = this.terms.requirement.kind === 'encrypted';
        callback(met || authorized, met ? undefined : verifyError, certificate, cipher);
      });
      if (this.socket.cleartext !== undefined) forget = rememberCertificate(this.socket.cleartext);
    } catch (error) {
      // Nothing has been sent yet: this is about our own ciphers, keys and certificates.
      const text = `TLS could not be begun with the settings of tls.ini: ${printable(messageOf(error))}`;
      this.fail({ reason: 'config-invalid', text }, 'starttls');
    }
  }

  /** Whether the handshake that has just finished meets the requirement. Fails closed on any fault of our own. */
  private accept(handshake: Handshake): boolean {
    try {
      const { requirement } = this.terms;
      const tls = this.socket.cleartext;
      if (tls === undefined || requirement.kind === 'cleartext') throw new Error('there is no TLS session');
      const verdict = this.examine(requirement, tls, handshake);
      if (verdict.kind === 'failed') {
        this.failHandshake(verdict.failure);
        return false;
      }
      if (requirement.kind === 'encrypted') this.authorize(tls, handshake.leaf);
      // What Haraka logs is then its own view of the certificate, and does not stop the delivery.
      else this.hmail.force_tls = false;
      for (const failure of verdict.recorded) this.owner.recorded(failure);
      this.secure({
        tlsVersion: tls.getProtocol() ?? '',
        cipher: tls.getCipher().name,
        verified: verdict.verified,
      });
      return true;
    } catch (error) {
      const text = `the certificate check broke: ${printable(messageOf(error))}`;
      this.failHandshake({ reason: 'internal-error', text });
      return false;
    }
  }

  /** Where cleartext is allowed, a new connection may do without TLS. */
  private failHandshake(failure: Failure): void {
    this.fail(failure, this.terms.requirement.kind === 'encrypted' ? 'verification' : 'starttls');
  }

  /** What Haraka merged into the options may have lowered the version that was asked for: only the outcome counts. */
  private examine(
    requirement: TlsRequirement,
    tls: TLSSocket,
    { authorized, verifyError, leaf }: Handshake,
  ): SessionVerdict {
    const session = {
      ...sessionFacts(tls, requirement, peerCertificates(tls, leaf)),
      chainVerdict: authorized ? 'trusted' : messageOf(verifyError ?? 'unknown'),
    };
    return checkSession(requirement, session, this.terms.now());
  }

  /**
   * Haraka's own check before each command asks for this; the requirement, not PKIX, says when it holds. A renegotiation
   * (TLS 1.2) takes it back, and may not bring another certificate than the one that was verified. A resumed session is
   * that of this connection; none other is ever offered.
   */
  private authorize(tls: TLSSocket, leaf: Uint8Array): void {
    tls.authorized = true;
    tls.on('secureConnect', () => {
      if (tls.isSessionReused() || Buffer.compare(peerCertificates(tls).leaf, leaf) === 0) {
        tls.authorized = true;
        return;
      }
      const text = 'the peer showed another certificate when it renegotiated TLS';
      this.fail({ reason: 'validation-failure', text }, 'verification');
    });
  }

  private secure(session: Established): void {
    // A partial line from before TLS must not become the beginning of one from after it.
    this.lines = new LineReader();
    this.state = 'confirming';
    this.owner.established(session);
  }

  // --- how it ends -----------------------------------------------------------------------------------------------

  private fail(failure: Failure, stage: Stage): void {
    if (this.hasEnded()) return;
    this.end();
    this.owner.failed(failure, stage);
    // Without `source`, Haraka goes on to the next host and remembers nothing.
    this.socket.emit('error', new Error(`${failure.reason}: ${failure.text}`));
  }

  /** The peer cannot be spoken with; what it says without TLS is no ground for a bounce, the next host may be sounder. */
  private lose(text: string): void {
    this.onLost(text, 'broken');
    this.socket.emit('error', new Error(text));
  }

  private onError(error: unknown): void {
    // Haraka marks every error of a TLS stream, plain TCP errors too, and remembers the host in Redis for it.
    if (error instanceof Error) delete (error as { source?: unknown }).source;
    if (this.hasEnded()) return;
    if (this.state === 'handshake' || this.state === 'confirming') {
      this.end();
      this.owner.failed(handshakeFailure(error, this.versions), 'starttls');
    } else {
      this.onLost(printable(messageOf(error)), 'broken');
    }
  }

  private onLost(text: string, by: LostBy): void {
    if (this.hasEnded()) return;
    const { state } = this;
    const stage = this.stageNow();
    this.end();
    if (stage === 'starttls' || (state === 'confirming' && by === 'broken')) {
      const what = state === 'starttls' ? 'STARTTLS was not answered' : 'the TLS handshake failed';
      this.owner.failed({ reason: 'tls-handshake-failed', text: `${what}: ${text}` }, 'starttls');
    } else {
      this.owner.lost(text, stage);
    }
  }

  private stageNow(): Stage {
    if (this.state === 'banner' || this.state === 'ehlo' || this.state === 'helo') return 'greeting';
    return this.state === 'starttls' || this.state === 'handshake' ? 'starttls' : 'session';
  }

  private end(): void {
    this.clearTimer();
    this.state = 'over';
    this.source?.destroy();
  }

  /** Whether replies are read here, before Haraka sees them. */
  private isListening(): boolean {
    return ['banner', 'ehlo', 'helo', 'starttls'].includes(this.state);
  }

  private hasEnded(): boolean {
    return this.state === 'over';
  }

  /** Haraka's own timeout begins anew with every octet: a peer that drips holds a delivery as long as it likes. */
  private beginSession(): void {
    this.restartTimer(this.terms.replyMs, 'the peer took too long for a whole reply');
  }

  private awaitReply(): void {
    this.timer?.refresh();
  }

  private restartTimer(ms: number, text: string): void {
    this.clearTimer();
    this.timer = setTimeout(() => {
      this.onLost(text, 'timeout');
      this.socket.emit('error', new Error(text));
      this.socket.destroy();
    }, ms);
  }

  private clearTimer(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** Haraka removes every listener from a socket that it is done with; an error after that would end the process. */
  private noticeRelease(): void {
    const { socket } = this;
    const removeAllListeners = socket.removeAllListeners.bind(socket);
    socket.removeAllListeners = (event) => {
      if (event !== undefined) {
        removeAllListeners(event);
        return socket;
      }
      removeAllListeners();
      socket.on('error', () => undefined);
      this.end();
      return socket;
    };
  }
}

/** Node hands out an empty object, or null, where there is no certificate. */
function leafOf(certificate: Partial<PeerCertificate> | null): Uint8Array {
  return certificate?.raw ?? new Uint8Array();
}

/** Node reports the end of a handshake that it refuses before it reports the refusal; Haraka would go on at once. */
const unverified: Failure = {
  reason: 'tls-handshake-failed',
  text: 'the certificate was refused before the rule was applied: mutual_tls and rejectUnauthorized in tls.ini',
};

function textOf(data: string | Uint8Array): string {
  return typeof data === 'string' ? data : Buffer.from(data).toString('latin1');
}

/**
 * A recipient who is taken with 251 (RFC 5321 section 4.2.2) counts for nothing with Haraka: where there is no other, it
 * drops the message without a word.
 */
function plainlyPositive(line: string): string {
  return line.replace(/^25\d(?=[ -])/, '250');
}

function positive(reply: Reply): boolean {
  return reply.code.startsWith('2');
}

function quote(reply: Reply): string {
  return printable(`${reply.code} ${reply.lines.map((line) => line.rest).join(' ')}`, 120);
}
