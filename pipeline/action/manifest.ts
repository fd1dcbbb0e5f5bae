import { stringify } from 'yaml';
import { type InputSpec, inputs, outputs } from './interface.ts';

/** action.yml: what the runner and the Marketplace read (docs: "Metadata syntax for GitHub Actions"). */
export function renderManifest(): string {
  const inputEntries = Object.entries<InputSpec>(inputs).map(
    ([name, spec]) =>
      [
        name,
        {
          description: spec.about,
          required: false,
          ...(spec.default === undefined ? {} : { default: spec.default }),
        },
      ] as const,
  );
  const manifest = {
    name: 'nodeproof',
    description:
      'Provenance, SBOMs and a signed node set for Kubernetes node images and their sysexts; verdicts by policy',
    author: 'nodeproof',
    branding: { icon: 'check-square', color: 'green' },
    inputs: Object.fromEntries(inputEntries),
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, description]) => [name, { description }])),
    runs: { using: 'node24', main: 'pipeline/action/dist/index.js' },
  };
  const head = '# Made of pipeline/action/interface.ts by npm run docs.\n';
  return `${head}${stringify(manifest, { lineWidth: 100, defaultStringType: 'PLAIN', aliasDuplicateObjects: false })}`;
}

/** The same for people: two tables in Markdown. */
export function renderInterface(): string {
  const inputRows = Object.entries<InputSpec>(inputs).map(
    ([name, { about, default: preset }]) =>
      `| \`${name}\` | ${cell(about)} | ${preset === undefined ? '' : `\`${cell(preset)}\``} |`,
  );
  const outputRows = Object.entries(outputs).map(([name, about]) => `| \`${name}\` | ${cell(about)} |`);
  return ['| input | | default |', '|---|---|---|', ...inputRows, '', '| output | |', '|---|---|', ...outputRows].join(
    '\n',
  );
}

/** A pipe would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
