/** The view that was asked for is kept through the log-in. */
const form = document.querySelector<HTMLFormElement>('#log-in');
if (form !== null) form.action += location.hash;
// Where a log-in was refused, its path stays.
if (location.pathname.endsWith('/login')) history.replaceState(undefined, '', `/tls-peers/${location.hash}`);
