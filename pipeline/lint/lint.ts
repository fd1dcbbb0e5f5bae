import type { NodeWorld } from '../collection/index.ts';
import { compareText, Fault } from '../core/index.ts';
import { type LintFinding, lintLevels } from './finding.ts';
import { lintDirectories } from './rules/directories.ts';
import { lintImagePolicies } from './rules/image-policy.ts';
import { lintKubeadm } from './rules/kubeadm.ts';
import { lintMutable } from './rules/mutable.ts';
import { lintSysupdate } from './rules/sysupdate.ts';

const rules = [lintImagePolicies, lintMutable, lintSysupdate, lintDirectories, lintKubeadm] as const;

/** Looks for settings that undo protection. All rules run: one that meets what it cannot read says so. The worst come first. */
export function lintNode(world: NodeWorld): readonly LintFinding[] {
  return rules
    .flatMap((rule) => attempt(() => rule(world)))
    .sort(
      (a, b) =>
        lintLevels.indexOf(a.level) - lintLevels.indexOf(b.level) ||
        compareText(a.code, b.code) ||
        compareText(a.file ?? '', b.file ?? '') ||
        (a.line ?? 0) - (b.line ?? 0),
    );
}

function attempt(rule: () => readonly LintFinding[]): readonly LintFinding[] {
  try {
    return rule();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const next = error.next ?? 'Make it readable, and look again';
    return [
      { code: 'lint.unread', level: 'error', message: error.message, file: error.where ?? null, line: null, fix: next },
    ];
  }
}
