/**
 * The bounce of a message that is tagged for REQUIRETLS is tagged itself (RFC 8689 section 5). Haraka sends bounces without the
 * notes of the message, so what sends them is replaced on that one delivery, when its bounce is about to be made. It carries
 * the header of the message and no more.
 */
import { hookAnswer, type HMailItem } from '../src/delivery/haraka';
import { tagNote, tagOf } from '../src/peers/sender_tag';
import { messageOf, printable } from '../src/text';
import type { HarakaPlugin } from './haraka_plugin';

type Address = HMailItem['todo']['mail_from'] & { readonly user?: unknown };

/** What is used of a delivery that bounces. */
interface Bouncing extends HMailItem {
  bounce_error?: unknown;
  bounce_respond(retval: number, message?: unknown): unknown;
  populate_bounce_message(
    from: unknown,
    to: unknown,
    reason: unknown,
    done: (error: unknown, lines: readonly string[]) => void,
  ): void;
  double_bounce(reason: string): unknown;
}

interface OutboundModule {
  send_email(
    from: unknown,
    to: unknown,
    contents: string,
    done: (code: number) => void,
    options: { readonly notes: unknown; readonly origin: unknown },
  ): unknown;
}

/** To be called at the `bounce` hook, which Haraka runs for every message before it makes the bounce. */
export function tagBounce(plugin: HarakaPlugin, hmail: HMailItem): void {
  if (tagOf(hmail.todo.notes) !== 'required') return;
  const bouncing = hmail as Bouncing;
  const original = bouncing.bounce_respond.bind(bouncing);
  bouncing.bounce_respond = (retval, message) => {
    // No bounce at all, or a bounce of a bounce: nothing is sent.
    if (retval !== hookAnswer.cont || isNull(bouncing.todo.mail_from)) return original(retval, message);
    sendTagged(plugin, bouncing);
    return undefined;
  };
}

function isNull(sender: Address): boolean {
  return sender.format(true) === '<>';
}

function sendTagged(plugin: HarakaPlugin, hmail: Bouncing): void {
  try {
    const outbound = plugin.haraka_require('outbound') as OutboundModule;
    const sender: Address = hmail.todo.mail_from;
    const EnvelopeAddress = sender.constructor as new (user: unknown, host?: unknown) => unknown;
    const Notes = hmail.notes.constructor as new (notes: object) => Record<string, unknown>;
    const from = new EnvelopeAddress('<>');
    const to = new EnvelopeAddress(sender.user, sender.host);
    hmail.populate_bounce_message(from, to, hmail.bounce_error, (error, lines) => {
      if (error) {
        lose(hmail, error);
        return;
      }
      const notes = new Notes({ skip_plugins: [], [tagNote]: 'required' });
      outbound.send_email(
        from,
        to,
        withoutBody(lines).join(''),
        (code) => {
          if (code === hookAnswer.deny) lose(hmail, 'the bounce could not be queued');
          else hmail.discard();
        },
        { notes, origin: hmail },
      );
    });
  } catch (error) {
    lose(hmail, error);
  }
}

/** Haraka takes every line up to an empty one for the header, and a message may have none: its body begins behind the last field. */
export function withoutBody(lines: readonly string[]): string[] {
  const begin = lines.indexOf('Content-Type: text/rfc822-headers\r\n') + 2;
  const body = lines.slice(begin).findIndex((line) => !/^[!-9;-~]+[ \t]*:|^[ \t]/.test(line));
  // Without such a part there is nothing of the message; the last lines are its end.
  return begin < 2 || body === -1 ? [...lines] : [...lines.slice(0, begin + body), ...lines.slice(-2)];
}

/** As Haraka does where it cannot send a bounce; to send it untagged is no way. */
function lose(hmail: Bouncing, error: unknown): void {
  const text = `the bounce of a message that asks for REQUIRETLS could not be made: ${printable(messageOf(error))}`;
  hmail.logerror(`tls-peers: ${text}`);
  hmail.double_bounce(text);
}
