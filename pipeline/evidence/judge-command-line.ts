import { Fault, type Finding } from '../core/index.ts';
import { type KernelArgument, parseKernelCommandLine } from '../formats/kernel-command-line/index.ts';
import { type CommandLineGrammar, compareCommandLine, deniedArguments, type NodeSet } from '../release/index.ts';
import type { Evidence } from './evidence.ts';
import { buildFinding } from './finding.ts';
import { usrVerityOf } from './identity.ts';
import type { EvidenceJudgement, EvidenceRequirements } from './judge.ts';

const next = 'Find out who changed the boot loader configuration, and reinstall this node';

/** Judges the kernel command line: against the mapping, against itself, and against the grammar of the node set. */
export function judgeCommandLine(
  evidence: Evidence,
  requirements: EvidenceRequirements,
  reference: NodeSet['reference'] | null,
): EvidenceJudgement {
  const { value, grade, source } = evidence.kernel.commandLine;
  if (value === null) {
    return {
      checked: [],
      findings: [
        buildFinding('evidence.missing', 'unavailable', 'Cannot tell the kernel command line of this node', {
          field: 'kernel.commandLine',
          actual: null,
          expected: 'a command line',
          next: 'Look at unread in nodeproof node collect --json',
        }),
      ],
    };
  }
  let args: readonly KernelArgument[];
  try {
    args = parseKernelCommandLine(value);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return {
      checked: [],
      findings: [
        buildFinding('evidence.unread', 'untrusted', error.message, {
          field: 'kernel.commandLine',
          actual: null,
          expected: 'a command line',
          next,
        }),
      ],
    };
  }
  const grammar = requirements.commandLine === 'node-set' && reference !== null ? reference.commandLine : undefined;
  const words = splitNaively(value);
  const findings = [...judgeUsrHash(words, evidence), ...judgeArguments(args, grammar), ...judgeHidden(words, args)];
  return {
    findings,
    checked:
      findings.length > 0
        ? []
        : [{ fact: 'kernel.commandLine', value: `${args.length} arguments, none denied`, grade, source }],
  };
}

/**
 * As the initrd's shell scripts see the line: every word, quotes or not. To the kernel `console="tty0 rd.break"` is one
 * argument, to a script it is two.
 */
function splitNaively(text: string): readonly KernelArgument[] {
  const words = text.split(/\s+/).map((word) => word.replaceAll('"', ''));
  return words
    .filter((word) => word !== '')
    .map((word) => {
      const equals = word.indexOf('=');
      return equals < 0 ? { name: word, value: null } : { name: word.slice(0, equals), value: word.slice(equals + 1) };
    });
}

/** What a script would take for an argument and the kernel does not: denied all the same. */
function judgeHidden(words: readonly KernelArgument[], args: readonly KernelArgument[]): readonly Finding[] {
  const known = new Set(args.map((argument) => argument.name));
  return judgeArguments(
    words.filter((word) => !known.has(word.name)),
    undefined,
  );
}

/** The kernel's readers take the last of several; an honest boot loader writes one. All sources of the usr hash must agree. */
function judgeUsrHash(args: readonly KernelArgument[], evidence: Evidence): readonly Finding[] {
  const said = args
    .filter((argument) => argument.name === 'verity.usrhash' || argument.name === 'usrhash')
    .map((argument) => argument.value ?? '');
  const mapped = usrVerityOf(evidence)?.rootHash ?? null;
  // The initrd maps /usr by this argument alone: a mapping without it was made by somebody else, or the text was changed.
  const agrees = mapped === null ? said.length <= 1 : said.length === 1 && said[0] === mapped;
  if (agrees) return [];
  return [
    buildFinding(
      'command-line.usr-hash',
      'untrusted',
      `The kernel command line names ${said.length === 0 ? 'no usr hash' : `usr hash ${said.join(' and ')}`}; the mapping under /usr has ${mapped ?? 'none'}`,
      {
        field: 'kernel.commandLine',
        actual: said.length === 0 ? null : said.join(', '),
        expected: mapped ?? 'one usr hash',
        next,
      },
    ),
  ];
}

function judgeArguments(args: readonly KernelArgument[], grammar: CommandLineGrammar | undefined): readonly Finding[] {
  const problems = compareCommandLine(args, grammar ?? { fixed: {}, free: ['*'], denied: [...deniedArguments] });
  return problems.map(({ argument, problem, wanted }) => {
    const text = argument.value === null ? argument.name : `${argument.name}=${argument.value}`;
    return buildFinding(
      problem === 'unlisted' ? 'command-line.unlisted' : 'command-line.denied',
      'denied',
      `Kernel argument ${JSON.stringify(text.slice(0, 200))}: want ${wanted}`,
      {
        field: 'kernel.commandLine',
        actual: text.slice(0, 200),
        expected: wanted,
        next,
      },
    );
  });
}
