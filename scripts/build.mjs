// Bundles the plugin suite into dist/tls-peers.cjs and what it loads when needed, the command into dist/cli.cjs, and writes the folder plugins
// (`tls-peers/outbound` and so on), which Haraka looks for at the package root and which load the same bundle, so that
// all of them share one state. Also writes THIRD-PARTY-NOTICES: the licences of the packages in the bundle.
import { build, transform } from 'esbuild';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPage } from './page.mjs';
import { thirdPartyNotices } from './third_party.mjs';
import { withoutMeanings } from './without_meanings.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Pieces that can be listed by themselves in config/plugins. */
const pieces = ['outbound', 'inbound', 'hosting', 'reports', 'web'];

/** Of dns2 only the codec is used; its servers and clients would come along otherwise. */
const codecOfDns2 = {
  name: 'codec-of-dns2',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^dns2$/ }, () => ({ path: 'dns2', namespace: 'codec-of-dns2' }));
    onLoad({ filter: /.*/, namespace: 'codec-of-dns2' }, () => ({
      contents: 'exports.Packet = require("./node_modules/dns2/packet.js");',
      resolveDir: root,
    }));
  },
};

/** What others wrote is made as short as it goes: its faults are looked for in its own source. */
const shortPackages = {
  name: 'short-packages',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/ }, async ({ path: file }) => {
      const options = { minify: true, target: 'node20', legalComments: 'inline' };
      const { code } = await transform(readFileSync(file, 'utf8'), options);
      return { contents: code, loader: 'js' };
    });
  },
};

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    'tls-peers': 'plugins/tls-peers.ts',
    cli: 'src/cli/bin.ts',
    // Loaded when they are needed: see src/bundles.ts.
    evidence: 'src/evidence/store/bundle.ts',
    hosting: 'src/hosting/bundle.ts',
    web: 'src/web/bundle.ts',
    'web-thread': 'src/web/api/thread.ts',
    sessions: 'src/reports/worker_bundle.ts',
    reports: 'src/reports/bundle.ts',
    reception: 'src/reports/reception_bundle.ts',
  },
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  legalComments: 'inline',
  metafile: true,
  plugins: [codecOfDns2, withoutMeanings, shortPackages],
  // A third smaller. Names stay, and lines end now and then: a stack trace still says where something happened.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  logLevel: 'warning',
});

const inputs = [...Object.keys(metafile.inputs), ...(await buildPage(root))];
writeFileSync(path.join(root, 'THIRD-PARTY-NOTICES'), thirdPartyNotices(root, inputs));

for (const piece of pieces) {
  const folder = path.join(root, piece);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    path.join(folder, 'package.json'),
    `${JSON.stringify({ name: `haraka-plugin-tls-peers-${piece}`, private: true, type: 'commonjs', main: 'index.js' }, null, 2)}\n`,
  );
  writeFileSync(
    path.join(folder, 'index.js'),
    `module.exports = require('../dist/tls-peers.cjs').${piece};\n`,
  );
}
