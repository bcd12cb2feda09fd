/** config/plugins: what Haraka loads. */
import type { ConfigFiles } from './config_files';

export interface PluginLine {
  readonly name: string;
  readonly line: number;
}

/** The plugins that are listed, as Haraka reads them; `undefined` where there is no such file to read. */
export function pluginLines(files: ConfigFiles): readonly PluginLine[] | undefined {
  const reading = files.read('plugins');
  if (reading.kind !== 'file') return undefined;
  const lines = reading.text
    .split(/\r\n|\r|\n/)
    .map((text, index) => ({ text: text.trim(), line: index + 1 }));
  return lines
    .filter(({ text }) => text !== '' && !/^[;#]/.test(text))
    .map(({ text, line }) => ({ name: text.replace(/^haraka-plugin-/, ''), line }));
}
