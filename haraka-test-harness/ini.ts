/** Sections as Haraka's INI reads them, in the order given. Keys of the section `''` stand above the first one. */
export function iniText(sections: Readonly<Record<string, Readonly<Record<string, string>>>>): string {
  return Object.entries(sections)
    .map(([name, keys]) => {
      const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}`);
      return [...(name === '' ? [] : [`[${name}]`]), ...lines, ''].map((line) => `${line}\n`).join('');
    })
    .join('');
}

/** The section `[timeouts]` of tls-peers.ini that waits `seconds` for everything a peer may do. */
export function timeoutsText(seconds: number): string {
  const waits = [
    'greeting',
    'ehlo',
    'tls_handshake',
    'mail',
    'rcpt',
    'data',
    'data_block',
    'final_dot',
    'quit',
  ];
  return iniText({ timeouts: Object.fromEntries(waits.map((name) => [name, String(seconds)])) });
}
