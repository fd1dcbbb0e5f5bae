import packageFacts from '../../package.json' with { type: 'json' };

/** What a build of one file puts in: the commit that it was made of. */
declare const nodeproofCommit: string | undefined;

export const version: string = packageFacts.version;

/** The version, and of a standalone program the commit. */
export const versionText: string =
  typeof nodeproofCommit === 'string' ? `${version} (commit ${nodeproofCommit})` : version;
