/** Sections as Haraka's INI reads them, in the order given. Keys of the section `''` stand above the first one. */
export function iniText(sections: Readonly<Record<string, Readonly<Record<string, string>>>>): string {
  return Object.entries(sections)
    .map(([name, keys]) => {
      const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}`);
      return [...(name === '' ? [] : [`[${name}]`]), ...lines, ''].map((line) => `${line}\n`).join('');
    })
    .join('');
}
