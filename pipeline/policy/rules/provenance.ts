import type { Finding } from '../../core/index.ts';
import type { Provenance } from '../../formats/slsa/index.ts';
import { checkExternalParameters, localBuilderId, nodeSetBuildType } from '../../provenance/index.ts';
import { matchesGlob } from '../../trust/index.ts';
import type { Policy } from '../schema.ts';
import { buildFinding } from './finding.ts';

type Claim = { readonly provenance: Provenance; readonly signer: string };

/**
 * Judges provenance as SLSA 1.2 verifies it: the builder, its signer and level, the build type, the external parameters.
 *
 * @param signer the policy's signer that the provenance counts for
 */
export function judgeProvenance(provenance: Provenance, signer: string, policy: Policy): readonly Finding[] {
  const slsa = policy.slsa;
  if (slsa === undefined) return [];
  return [...judgeBuilder({ provenance, signer }, slsa), ...judgeBuildDefinition(provenance, slsa)];
}

/** Whoever may sign provenance writes any builder into it: a level is only for the signers that the policy gives it to. */
function judgeBuilder({ provenance, signer }: Claim, slsa: Slsa): readonly Finding[] {
  const builder = provenance.runDetails.builder.id;
  const level = levelOf(builder, signer, slsa);
  if (level === undefined && slsa.minimumLevel > 0) {
    const known = slsa.builders.some(({ id }) => matchesGlob(id, builder));
    return [
      buildFinding(
        'slsa.builder',
        'denied',
        `Cannot trust builder ${builder}: the policy does not list it${known ? ` for signer ${signer}` : ''}`,
        {
          field: 'runDetails.builder.id',
          actual: builder,
          expected: slsa.builders.map(({ id, signers }) => `${id} by ${signers.join(' or ')}`).join('; '),
          next: 'List the builder with its signer under slsa.builders, if it is yours',
        },
      ),
    ];
  }
  if ((level ?? 0) >= slsa.minimumLevel) return [];
  return [
    buildFinding(
      'slsa.level',
      'denied',
      `Builder ${builder} is trusted for SLSA build level ${level ?? 0}, want ${slsa.minimumLevel}`,
      {
        field: 'runDetails.builder.id',
        actual: String(level ?? 0),
        expected: String(slsa.minimumLevel),
        next: 'Build the node set in CI, by a builder of that level',
      },
    ),
  ];
}

/** A build type says how to read the parameters. "Verifiers SHOULD reject unrecognized fields": of our own we know them all. */
function judgeBuildDefinition({ buildDefinition }: Provenance, { buildTypes }: Slsa): readonly Finding[] {
  const { buildType, externalParameters } = buildDefinition;
  if (buildType !== nodeSetBuildType) {
    if (buildTypes.includes(buildType)) return [];
    return [
      buildFinding(
        'slsa.build-type',
        'denied',
        `Cannot accept the build type ${buildType}: the policy does not list it`,
        {
          field: 'buildDefinition.buildType',
          actual: buildType,
          expected: [nodeSetBuildType, ...buildTypes].join(' or '),
          next: 'List it under slsa.buildTypes, if its builds are yours',
        },
      ),
    ];
  }
  const problem = checkExternalParameters(externalParameters);
  if (problem === undefined) return [];
  return [
    buildFinding('slsa.parameters', 'denied', `Cannot accept the external parameters of the provenance: ${problem}`, {
      field: 'buildDefinition.externalParameters',
      actual: problem,
      expected: 'the parameters of the build type',
      next: 'See pipeline/provenance/README.md',
    }),
  ];
}

type Slsa = NonNullable<Policy['slsa']>;

/** The highest level that the policy gives this signer for this builder. Nobody vouches for what was built by hand. */
function levelOf(builder: string, signer: string, slsa: Slsa): number | undefined {
  if (builder === localBuilderId) return 0;
  const levels = slsa.builders
    .filter((known) => known.signers.includes(signer) && matchesGlob(known.id, builder))
    .map((known) => known.level);
  return levels.length === 0 ? undefined : Math.max(...levels);
}
