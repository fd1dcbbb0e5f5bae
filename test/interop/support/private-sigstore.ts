import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { encodeToken, type GithubClaims, githubClaims } from '../../support/loopback-sigstore/identity.ts';
import { jsonAnswer, listen, refusal } from '../../support/loopback-sigstore/server.ts';
import { peerPath } from './peers.ts';
import { freePorts, startProcess } from './supervised-process.ts';

/** The real Fulcio, Rekor v2 and timestamp authority on loopback, with an identity provider that issues GitHub's claims. */
export type PrivateSigstore = AsyncDisposable & {
  readonly issuer: string;
  readonly trustedRoot: object;
  /** Fulcio, log and timestamps. */
  readonly signingConfig: object;
  token(claims?: Partial<GithubClaims>): string;
};

export async function openPrivateSigstore(directory: string): Promise<PrivateSigstore> {
  await using stack = new AsyncDisposableStack();
  const identity = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const provider = stack.use(await serveIdentityProvider(identity.publicKey));
  const fulcio = await startFulcio(stack, directory, provider.origin);
  const rekor = await startRekor(stack, directory);
  const timestamps = await startTimestampAuthority(stack);
  const validFor = { start: new Date(Date.now() - 3_600_000).toISOString() };
  const service = (url: string, majorApiVersion: number): object => ({
    url,
    majorApiVersion,
    validFor,
    operator: 'interop.example',
  });
  const disposables = stack.move();
  return {
    issuer: provider.origin,
    trustedRoot: {
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [rekor.description(validFor)],
      certificateAuthorities: [describeChain(fulcio.origin, fulcio.certificates, validFor)],
      ctlogs: [],
      timestampAuthorities: [describeChain(timestamps.origin, timestamps.certificates, validFor)],
    },
    signingConfig: {
      mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
      caUrls: [service(fulcio.origin, 1)],
      oidcUrls: [service(provider.origin, 1)],
      rekorTlogUrls: [service(rekor.origin, 2)],
      rekorTlogConfig: { selector: 'ANY' },
      tsaUrls: [service(`${timestamps.origin}/api/v1/timestamp`, 1)],
      tsaConfig: { selector: 'ANY' },
    },
    token: (claims) => {
      const iat = Math.floor(Date.now() / 1000);
      return encodeToken(
        { ...githubClaims(claims), iss: provider.origin, aud: 'sigstore', iat, exp: iat + 600 },
        identity,
      );
    },
    [Symbol.asyncDispose]: () => disposables.disposeAsync(),
  };
}

/** OpenID Connect Discovery 1.0 §4, as far as Fulcio reads it. */
async function serveIdentityProvider(key: KeyObject): Promise<{ origin: string } & AsyncDisposable> {
  let origin = '';
  const server = await listen(({ path }) => {
    if (path === '/jwks')
      return jsonAnswer(200, { keys: [{ ...key.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] });
    if (path !== '/.well-known/openid-configuration') return refusal(404, 'Not Found');
    return jsonAnswer(200, {
      issuer: origin,
      jwks_uri: `${origin}/jwks`,
      authorization_endpoint: `${origin}/authorize`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    });
  });
  origin = server.origin;
  return server;
}

/** The templates of Fulcio's own config/identity/config.yaml for `github-workflow`. */
const githubTemplates = {
  'github-workflow-trigger': 'event_name',
  'github-workflow-sha': 'sha',
  'github-workflow-name': 'workflow',
  'github-workflow-repository': 'repository',
  'github-workflow-ref': 'ref',
  'build-signer-uri': '{{ .url }}/{{ .job_workflow_ref }}',
  'build-signer-digest': 'job_workflow_sha',
  'runner-environment': 'runner_environment',
  'source-repository-uri': '{{ .url }}/{{ .repository }}',
  'source-repository-digest': 'sha',
  'source-repository-ref': 'ref',
  'source-repository-identifier': 'repository_id',
  'source-repository-owner-uri': '{{ .url }}/{{ .repository_owner }}',
  'source-repository-owner-identifier': 'repository_owner_id',
  'build-config-uri': '{{ .url }}/{{ .workflow_ref }}',
  'build-config-digest': 'workflow_sha',
  'build-trigger': 'event_name',
  'run-invocation-uri': '{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}',
  'source-repository-visibility-at-signing': 'repository_visibility',
  'deployment-environment': 'environment',
};

type Server = { readonly origin: string; readonly certificates: readonly string[] };

async function startFulcio(stack: AsyncDisposableStack, directory: string, issuer: string): Promise<Server> {
  const [port = 0, grpcPort = 0, metricsPort = 0] = await freePorts(3);
  const config = join(directory, 'fulcio.yaml');
  // Fulcio reads JSON too, under other names.
  writeFileSync(
    config,
    stringify({
      'oidc-issuers': {
        [issuer]: {
          'issuer-url': issuer,
          'client-id': 'sigstore',
          type: 'ci-provider',
          'ci-provider': 'github-workflow',
        },
      },
      'ci-issuer-metadata': {
        'github-workflow': {
          'default-template-values': { url: 'https://github.com', environment: '' },
          'extension-templates': githubTemplates,
          'subject-alternative-name-template': '{{ .url }}/{{ .job_workflow_ref }}',
        },
      },
    }),
  );
  const origin = `http://127.0.0.1:${port}`;
  const hosts = ['--host=127.0.0.1', `--port=${port}`, '--grpc-host=127.0.0.1', `--grpc-port=${grpcPort}`];
  const rest = [`--metrics-port=${metricsPort}`, '--ca=ephemeralca', `--config-path=${config}`, '--ct-log-url='];
  stack.use(await startProcess(peerPath('fulcio'), ['serve', ...hosts, ...rest], `${origin}/healthz`));
  const bundle = (await (await fetch(`${origin}/api/v2/trustBundle`)).json()) as {
    chains: { certificates: string[] }[];
  };
  return { origin, certificates: bundle.chains[0]?.certificates ?? [] };
}

async function startTimestampAuthority(stack: AsyncDisposableStack): Promise<Server> {
  const [port = 0] = await freePorts(1);
  const origin = `http://127.0.0.1:${port}`;
  const args = ['serve', '--host=127.0.0.1', `--port=${port}`, '--timestamp-signer=memory', '--disable-ntp-monitoring'];
  stack.use(await startProcess(peerPath('timestamp-server'), args, `${origin}/ping`));
  const chain = await (await fetch(`${origin}/api/v1/timestamp/certchain`)).text();
  return { origin, certificates: chain.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? [] };
}

async function startRekor(
  stack: AsyncDisposableStack,
  directory: string,
): Promise<{ origin: string; description: (validFor: object) => object }> {
  const [port = 0, grpcPort = 0, metricsPort = 0] = await freePorts(3);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const signer = join(directory, 'rekor.pem');
  writeFileSync(signer, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const storage = join(directory, 'rekor');
  mkdirSync(storage);
  const name = 'rekor.local';
  const origin = `http://127.0.0.1:${port}`;
  const hosts = [
    '--http-address=127.0.0.1',
    `--http-port=${port}`,
    '--grpc-address=127.0.0.1',
    `--grpc-port=${grpcPort}`,
  ];
  const log = [`--hostname=${name}`, `--storage-dir=${storage}`, `--signer-filepath=${signer}`];
  const pace = ['--checkpoint-interval=1s', '--batch-max-age=100ms', `--http-metrics-port=${metricsPort}`];
  stack.use(await startProcess(peerPath('posix'), ['serve', ...hosts, ...log, ...pace], `${origin}/healthz`));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  // C2SP signed-note: the key's id is the digest of its name, a newline, the algorithm's number and the raw key.
  const keyId = createHash('sha256').update(`${name}\n\u0001`).update(spki.subarray(-32)).digest('base64');
  return {
    origin,
    description: (validFor) => ({
      baseUrl: `https://${name}`,
      hashAlgorithm: 'SHA2_256',
      publicKey: { rawBytes: spki.toString('base64'), keyDetails: 'PKIX_ED25519', validFor },
      logId: { keyId },
    }),
  };
}

function describeChain(uri: string, certificates: readonly string[], validFor: object): object {
  const encoded = certificates.map((pem) => ({ rawBytes: pem.replaceAll(/-----[^-]+-----|\s/g, '') }));
  return {
    subject: { organization: 'interop.example', commonName: 'interop' },
    uri,
    certChain: { certificates: encoded },
    validFor,
  };
}
