/** The page: where one is, and the view that is shown. */
import { render } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { linkTo, useRoute, type Route } from './route';
import { useAnswer } from './api';
import type { Status } from './shapes';
import { Domains } from './views/domains';
import { Health } from './views/health';
import { Held } from './views/held';
import { Overview } from './views/overview';
import { Own } from './views/own';
import { Peer } from './views/peer';
import { Peers } from './views/peers';
import { Reports } from './views/reports';

const views: readonly { readonly view: string; readonly name: string; readonly also?: readonly string[] }[] =
  [
    { view: 'overview', name: 'Overview' },
    { view: 'domains', name: 'Domains', also: ['peers', 'peer'] },
    { view: 'held', name: 'Held up' },
    { view: 'own', name: 'Certificates and policies' },
    { view: 'reports', name: 'TLS reports' },
    { view: 'health', name: 'Health' },
  ];

function Page() {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  // Together with the view: a key that is pressed as soon as that is there belongs to it.
  useLayoutEffect(() => {
    document.title = `TLS peers: ${titleOf(route)}`;
    // Who came by the keyboard goes on within the view.
    if (!isFirst.current) main.current?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [route.view, route.query.get('peer'), route.query.get('managed')]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        To the content
      </a>
      <header>
        <span class="brand">TLS peers</span>
        <nav aria-label="Views">
          <ul>
            {views.map(({ view, name, also = [] }) => (
              <li key={view}>
                <a
                  href={linkTo(view)}
                  aria-current={view === route.view ? 'page' : also.includes(route.view) ? 'true' : undefined}
                >
                  {name}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <form method="post" action="/tls-peers/logout">
          <button type="submit">Log out</button>
        </form>
      </header>
      <main ref={main} id="main" tabIndex={-1}>
        <View {...route} />
      </main>
      <Foot />
    </>
  );
}

function View({ view, query }: Route) {
  switch (view) {
    case 'overview':
      return <Overview query={query} />;
    case 'domains':
      return <Domains />;
    case 'peers':
      return <Peers query={query} />;
    case 'peer':
      // What was known of another peer is not shown under this one's name.
      return <Peer key={query.toString()} query={query} />;
    case 'held':
      return <Held />;
    case 'own':
      return <Own />;
    case 'reports':
      return <Reports />;
    case 'health':
      return <Health />;
    default:
      return <p class="problem">There is no such view.</p>;
  }
}

function titleOf({ view, query }: Route): string {
  const name = views.find((one) => one.view === view)?.name ?? view;
  return query.get('peer') ?? query.get('managed') ?? name;
}

function Foot() {
  const status = useAnswer<Status>('status', {}, 60_000);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <footer>
      {status.kind === 'there' && <span>haraka-plugin-tls-peers {status.value.version}. </span>}
      <span>Times are of your zone, {zone}; days of the record are days in UTC. </span>
      <span>This page changes nothing: rules stand in files.</span>
    </footer>
  );
}

const at = document.querySelector('#page');
if (at !== null) {
  at.replaceChildren();
  render(<Page />, at);
}
