import { type Document, isMap, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import type { NodeWorld } from '../../collection/index.ts';
import { Fault, limits, within } from '../../core/index.ts';
import { splitCommand } from '../../formats/systemd-unit/index.ts';
import { listValues, readUnit } from '../../units/index.ts';
import type { LintFinding } from '../finding.ts';

const folder = '/etc/kubernetes';
const pinFix =
  'Give --discovery-token-ca-cert-hash sha256:… or caCertHashes: kubeadm token create --print-join-command prints it';

/** How kubeadm knows that it joins the right cluster (kubeadm-join, "Discovery"). */
export function lintKubeadm(world: NodeWorld): readonly LintFinding[] {
  const pins = [...lintCommands(world), ...lintConfigurations(world)];
  return [...pins.flatMap(({ finding }) => finding ?? []), ...(pins.length === 0 ? [] : [autoApprove])];
}

/** A way to join that was found, and what is wrong with it. */
type Join = { readonly finding: LintFinding | null };

function lintCommands(world: NodeWorld): readonly Join[] {
  const commands = listValues(readUnit(world, 'kubeadm.service')?.settings ?? [], 'Service', 'ExecStart');
  return commands.flatMap(({ value, file, line }): readonly Join[] => {
    const words = splitCommand(value);
    if (!words.includes('join')) return [];
    const has = (option: string): boolean => words.some((word) => word === option || word.startsWith(`${option}=`));
    const isPinned = has('--discovery-token-ca-cert-hash') || has('--discovery-file') || has('--config');
    const isUnsafe = words.some((word) => /^--discovery-token-unsafe-skip-ca-verification(?:=true)?$/.test(word));
    if (isPinned && !isUnsafe) return [{ finding: null }];
    const message = isUnsafe
      ? 'kubeadm joins whoever answers: --discovery-token-unsafe-skip-ca-verification'
      : 'kubeadm joins without a pin of the certificate authority';
    return [{ finding: { code: 'lint.ca-pin', level: 'error', message, file, line, fix: pinFix } }];
  });
}

function lintConfigurations(world: NodeWorld): readonly Join[] {
  return (world.listNames(folder) ?? [])
    .filter((name) => /^kubeadm.*\.ya?ml$/.test(name))
    .map((name) => `${folder}/${name}`)
    .filter((path) => world.place(path)?.kind === 'file')
    .flatMap((path) => within(path, () => lintConfiguration(path, world.readText(path, limits.unitFileBytes) ?? '')));
}

function lintConfiguration(file: string, text: string): readonly Join[] {
  const counter = new LineCounter();
  return parseYaml(text, counter).flatMap((document): readonly Join[] => {
    if (!isMap(document.contents) || document.get('kind') !== 'JoinConfiguration') return [];
    const token = document.getIn(['discovery', 'bootstrapToken'], true);
    if (!isMap(token)) return [{ finding: null }];
    const hashes = token.get('caCertHashes');
    const isPinned = isSeq(hashes) && hashes.items.length > 0;
    const isUnsafe = token.get('unsafeSkipCAVerification') === true;
    if (isPinned && !isUnsafe) return [{ finding: null }];
    const { line } = counter.linePos(token.range?.[0] ?? 0);
    const message = isUnsafe
      ? `${file} joins whoever answers: unsafeSkipCAVerification`
      : `${file} joins without a pin of the certificate authority`;
    return [{ finding: { code: 'lint.ca-pin', level: 'error', message, file, line, fix: pinFix } }];
  });
}

/** The library throws errors of its own for what is nested too deep. Fault: yaml.syntax. */
function parseYaml(text: string, lineCounter: LineCounter): readonly Document.Parsed[] {
  try {
    const parsed = parseAllDocuments(text, { lineCounter, prettyErrors: false });
    const documents = Array.isArray(parsed) ? parsed : [];
    const [problem] = documents.flatMap(({ errors }) => errors);
    if (problem === undefined) return documents;
    throw new Fault('yaml.syntax', `Cannot read YAML: ${problem.message.split('\n')[0] ?? ''}`);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('yaml.syntax', 'Cannot read YAML: it is nested too deep, or worse', { cause: error });
  }
}

const autoApprove: LintFinding = {
  code: 'lint.auto-approve',
  level: 'note',
  message:
    'A cluster that kubeadm made approves every node that has a bootstrap token: no check on the node can stop a node that skips it',
  file: null,
  line: null,
  fix: 'On the cluster: kubectl delete clusterrolebinding kubeadm:node-autoapprove-bootstrap, and approve certificates of nodes that were judged',
};
