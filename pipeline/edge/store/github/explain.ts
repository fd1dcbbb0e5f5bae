import type { FaultCode } from '../../../core/index.ts';
import { StatusFault } from '../http/failure.ts';

/** What a job may be told to have: the names of GitHub Actions' permissions. */
type Permission = 'attestations: read' | 'attestations: write' | 'contents: read' | 'contents: write';

/** Says what to do about an answer of GitHub that refuses. Faults: network.denied, network.refused, and those of the step. */
export async function explainRefusal<T>(permission: Permission, step: () => Promise<T>, what?: string): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof StatusFault)) throw error;
    const { code, next } = explain(error, permission);
    const where = [what, error.where].filter((part) => part !== undefined).join(': ');
    throw new StatusFault(code, error.status, error.message, { where, next, cause: error });
  }
}

function explain(fault: StatusFault, permission: Permission): { readonly code: FaultCode; readonly next: string } {
  const isWriting = permission.endsWith('write');
  switch (fault.status) {
    case 401:
      return { code: 'network.denied', next: 'Give a token that is valid: --github-token-file FILE, or GITHUB_TOKEN' };
    case 403:
      return { code: 'network.denied', next: explainDenial(fault.message, permission, isWriting) };
    case 404:
      return {
        code: 'network.denied',
        next: `Name a repository that is there and that the token may ${isWriting ? 'write to' : 'read'}: GitHub says "not found" of those it hides`,
      };
    case 409:
    case 422:
      return {
        code: 'network.refused',
        next: permission.startsWith('attestations')
          ? 'GitHub takes Sigstore bundles of keyless signatures, for private repositories only with GitHub Enterprise Cloud; otherwise publish to oci:, release: or directory:'
          : 'Look at the release on GitHub: its tag, its files, and the rules of the repository for tags',
      };
    default:
      return { code: fault.code, next: fault.next ?? 'Look at githubstatus.com, and try again' };
  }
}

function explainDenial(message: string, permission: Permission, isWriting: boolean): string {
  if (/SAML|single sign-on/i.test(message)) return "Authorize the token for the organization's single sign-on";
  if (/archived/i.test(message)) return 'The repository is archived: publish elsewhere';
  const forks = isWriting ? '; a run for a pull request from a fork never has it' : '';
  return `Give the job permissions: ${permission}${forks}`;
}
