import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { parseSigningConfig, selectServices } from '../../../pipeline/attest/signing/index.ts';
import { encodeCanonicalJson } from '../../../pipeline/core/index.ts';
import { buildKeylessSigner, givenIdentityToken } from '../../../pipeline/edge/sigstore/index.ts';
import { githubIssuer, openLoopbackSigstore } from '../../support/loopback-sigstore/index.ts';
import type { BenchCase, MeasureBar, Preparation } from '../case.ts';
import { bundleCli, cli, findProblem, findTool, hasCommand } from '../tools.ts';

const predicateType = 'https://slsa.dev/provenance/v1';
const workflow = 'https://github.com/acme/node-images/.github/workflows/release.yml@refs/tags/v4593.2.5';
const commit = 'a'.repeat(40);

/** One keyless bundle with a timestamp, checked offline by a process that starts anew: the same bundle, the same trusted root. */
const verify: BenchCase = {
  name: 'verify',
  rounds: 15,
  prepare: (scratch) =>
    prepareVerify(scratch, 'bundled', bundleCli(scratch), [{ measure: 'cpuSeconds', atMost: 4, of: 'yardstick' }]),
};

export default verify;

/** The same question to cosign and to a program of ours. */
export async function prepareVerify(
  scratch: string,
  what: string,
  program: readonly string[],
  bars: readonly MeasureBar[],
): Promise<Preparation> {
  const cosign = findTool('cosign');
  if (cosign === undefined) return { skipped: 'no cosign: build it and set PEERS_DIR' };
  if (!hasCommand('verify')) return { skipped: `there is no \`verify\` in ${cli} yet` };
  const files = await makeRelease(scratch);
  const theirs = [
    cosign,
    'verify-blob-attestation',
    `--bundle=${files.bundle}`,
    `--trusted-root=${files.trustedRoot}`,
    `--type=${predicateType}`,
    `--certificate-identity=${workflow}`,
    `--certificate-oidc-issuer=${githubIssuer}`,
    '--use-signed-timestamps',
    files.artifact,
  ];
  const ours = [
    ...program,
    'verify',
    files.artifact,
    `--policy=${files.policy}`,
    `--bundle=${files.bundle}`,
    `--trusted-root=${files.trustedRoot}`,
  ];
  const theirProblem = findProblem(theirs);
  if (theirProblem !== undefined) return { skipped: `cosign refuses the bundle: ${theirProblem}` };
  const problem = findProblem(ours);
  if (problem !== undefined) return { failed: `nodeproof verify: ${problem}` };
  return {
    ours: { name: `nodeproof verify, ${what}`, argv: ours },
    yardstick: { name: 'cosign verify-blob-attestation', argv: theirs },
    bars,
  };
}

type Files = Readonly<Record<'artifact' | 'bundle' | 'trustedRoot' | 'policy', string>>;

/** An artifact with provenance by a workflow of the loopback Sigstore, and the policy that wants it so. */
async function makeRelease(scratch: string): Promise<Files> {
  await using sigstore = await openLoopbackSigstore({ rekor: 'v2' });
  const services = selectServices(parseSigningConfig(Buffer.from(JSON.stringify(sigstore.signingConfig))), new Date(), {
    certificateAuthority: true,
  });
  const token = givenIdentityToken(sigstore.token({ sha: commit }), () => new Date());
  const artifact = randomBytes(4096);
  const statement = Buffer.from(JSON.stringify(provenanceOf(artifact)));
  const bundle = await buildKeylessSigner(services, token).signStatement(statement, 'application/vnd.in-toto+json');
  const write = (name: string, content: string | Uint8Array) => {
    const path = join(scratch, name);
    writeFileSync(path, content);
    return path;
  };
  return {
    artifact: write('kubernetes.raw', artifact),
    bundle: write('kubernetes.raw.provenance.sigstore.json', bundle),
    trustedRoot: write('trusted_root.json', JSON.stringify(sigstore.trustedRoot)),
    policy: write('policy.yaml', stringify(policyFor(sigstore.trustedRoot))),
  };
}

function provenanceOf(artifact: Uint8Array): object {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'kubernetes.raw', digest: { sha256: createHash('sha256').update(artifact).digest('hex') } }],
    predicateType,
    predicate: {
      buildDefinition: {
        buildType: 'https://actions.github.io/buildtypes/workflow/v1',
        externalParameters: {},
        resolvedDependencies: [
          { uri: 'git+https://github.com/acme/node-images@refs/tags/v4593.2.5', digest: { gitCommit: commit } },
        ],
      },
      runDetails: { builder: { id: workflow } },
    },
  };
}

function policyFor(trustedRoot: Parameters<typeof encodeCanonicalJson>[0]): object {
  const sha256 = createHash('sha256').update(encodeCanonicalJson(trustedRoot)).digest('hex');
  return {
    apiVersion: 'nodeproof.dev/policy/v1',
    name: 'bench',
    version: 1,
    issuedAt: '2026-01-01T00:00:00Z',
    expiresAt: '2099-01-01T00:00:00Z',
    trust: {
      roots: [{ name: 'loopback', sha256, issuers: [githubIssuer], thresholds: { tlog: 1, sct: 1, timestamps: 1 } }],
    },
    signers: [
      {
        name: 'release',
        root: 'loopback',
        github: {
          repository: { name: 'acme/node-images', id: '700700700' },
          owner: { name: 'acme', id: '40404040' },
          builder: workflow,
          caller: workflow,
          ref: 'refs/tags/*',
        },
      },
    ],
    allow: { 'node-set': ['release'], provenance: ['release'] },
    node: { os: { id: 'flatcar' }, sysexts: {} },
  };
}
