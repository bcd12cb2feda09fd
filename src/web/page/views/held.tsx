/** What waits because of a rule, why, and since when. */
import { addressOf, useAnswer } from '../api';
import { Answered, Problems, Table, Time } from '../parts/basics';
import { linkTo } from '../route';
import type { HeldDocument } from '../shapes';
import { domainName, number } from '../words';

export function Held() {
  const held = useAnswer<HeldDocument>('held', {}, 30_000);
  return (
    <>
      <h1>Held up now</h1>
      <Answered of={held}>
        {({ groups, otherwise, problems }) => (
          <>
            <Problems of={problems} />
            <Table
              caption="Messages that a rule, or a fault on this side, holds back"
              rows={groups}
              empty="No message waits because of a rule."
              csv={addressOf('held', { format: 'csv' })}
              columns={[
                {
                  name: 'peer',
                  cell: ({ managed, peer }) => (
                    <a href={linkTo('peer', { managed, direction: 'out', peer })}>{peer}</a>
                  ),
                },
                { name: 'domain', cell: ({ managed }) => domainName(managed) },
                { name: 'messages', cell: ({ messages }) => number(messages), isNumber: true },
                { name: 'reason', cell: ({ reason }) => <span class="bad">{reason}</span> },
                { name: 'host', cell: ({ host }) => host },
                { name: 'what was met', cell: ({ text }) => text },
                { name: 'rule', cell: ({ rule, level }) => `${level} (${rule})` },
                { name: 'since', cell: ({ since }) => <Time iso={since} /> },
                { name: 'last try', cell: ({ lastTry }) => <Time iso={lastTry} /> },
                { name: 'next try', cell: ({ nextTry }) => <Time iso={nextTry} /> },
              ]}
            />
            {otherwise !== undefined && (
              <p class="quiet">
                Waiting for other reasons: {number(otherwise.reply)} a host refused,{' '}
                {number(otherwise.notReached)} without a connection, {number(otherwise.untried)} not tried
                yet, {number(otherwise.other + otherwise.notKnown)} else.
              </p>
            )}
          </>
        )}
      </Answered>
    </>
  );
}
