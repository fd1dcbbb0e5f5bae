import type { Finding } from '../../core/index.ts';
import type { Provenance } from '../../formats/slsa/index.ts';
import { checkExternalParameters, localBuilderId, nodeSetBuildType } from '../../provenance/index.ts';
import type { Policy } from '../schema.ts';
import { buildFinding } from './finding.ts';

/** Judges provenance as SLSA 1.2 verifies it, step 2: the builder and its level, the build type, the external parameters. */
export function judgeProvenance(provenance: Provenance, policy: Policy): readonly Finding[] {
  const slsa = policy.slsa;
  if (slsa === undefined) return [];
  const builder = provenance.runDetails.builder.id;
  const level = levelOf(builder, slsa);
  const findings: Finding[] = [];
  if (level === undefined && slsa.minimumLevel > 0) {
    findings.push(
      buildFinding('slsa.builder', 'denied', `Cannot trust builder ${builder}: the policy does not list it`, {
        field: 'runDetails.builder.id',
        actual: builder,
        expected: slsa.builders.map((known) => known.id).join(' or '),
        next: 'List the builder under slsa.builders, if it is yours',
      }),
    );
  } else if ((level ?? 0) < slsa.minimumLevel) {
    findings.push(
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
    );
  }
  return [...findings, ...judgeBuildDefinition(provenance)];
}

/** "Verifiers SHOULD reject unrecognized fields in externalParameters": of our own build type we know them all. */
function judgeBuildDefinition({ buildDefinition }: Provenance): readonly Finding[] {
  if (buildDefinition.buildType !== nodeSetBuildType) return [];
  const problem = checkExternalParameters(buildDefinition.externalParameters);
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

/** Nobody vouches for what was built by hand, whatever a policy lists. */
function levelOf(builder: string, slsa: NonNullable<Policy['slsa']>): number | undefined {
  return builder === localBuilderId ? 0 : slsa.builders.find((known) => known.id === builder)?.level;
}
