import type { Json } from '../../../pipeline/core/index.ts';
import { generateP256, type KeyPair, rootStart, sha256, spkiOf } from './certificate.ts';
import { answerSigningCertificate, createChain, type Fulcio } from './fulcio.ts';
import { encodeToken, type GithubClaims, githubClaims, githubIssuer } from './identity.ts';
import { answerEntryV1, answerEntryV2, createLogV1, createLogV2, type Log } from './rekor.ts';
import { type Answer, type Call, jsonAnswer, listen, refusal } from './server.ts';
import { answerTimestamp, createTimestampAuthority, type TimestampAuthority } from './timestamp-authority.ts';

export { type GithubClaims, githubIssuer } from './identity.ts';

type LoopbackService = 'fulcio' | 'rekorV1' | 'rekorV2' | 'timestamps' | 'ambient';
type JsonObject = { readonly [key: string]: Json };

export type LoopbackOptions = {
  /** Which logs there are. With both, the signing configuration makes clients choose v2. Default: v1. */
  readonly rekor?: 'v1' | 'v2' | 'both' | 'none';
  /** Whether there is a timestamp authority. Default: yes. */
  readonly timestamps?: boolean;
  /** Whether certificates carry a signed certificate timestamp of a log of this instance. Default: yes. */
  readonly ctLog?: boolean;
  /** The time of all services, taken to the whole second. Default: now. */
  readonly clock?: () => Date;
  /** The issuer whose tokens Fulcio takes. Default: GitHub's, so that a second instance is a private CA that imitates it. */
  readonly issuer?: string;
  /** The claims of the token that the runner's own endpoint (`ambient`) gives. */
  readonly claims?: Partial<GithubClaims>;
};

export type LoopbackSigstore = AsyncDisposable & {
  readonly origin: string;
  /** trusted_root.json, v0.1. */
  readonly trustedRoot: JsonObject;
  /** signing_config.json, v0.2. */
  readonly signingConfig: JsonObject;
  /** An identity token with the claims of a GitHub workflow run. */
  token(claims?: Partial<GithubClaims>, lifetimeSeconds?: number): string;
  /** What a GitHub runner tells its steps: ACTIONS_ID_TOKEN_REQUEST_URL and _TOKEN. */
  readonly ambient: { readonly requestUrl: string; readonly requestToken: string };
  /** How often each service was called. */
  readonly calls: Readonly<Record<LoopbackService, number>>;
  /** Makes a service give this answer, or what this makes of its own, until `undefined` is given. */
  override(service: LoopbackService, answer: Answer | ((own: Answer) => Answer) | undefined): void;
};

const ambientToken = 'loopback-request-token';

/** Opens a whole Sigstore on a free port of 127.0.0.1; each instance has keys of its own, so two never trust each other. */
export async function openLoopbackSigstore(options: LoopbackOptions = {}): Promise<LoopbackSigstore> {
  const instance = createInstance(options);
  const calls: Record<LoopbackService, number> = { fulcio: 0, rekorV1: 0, rekorV2: 0, timestamps: 0, ambient: 0 };
  const overrides = new Map<LoopbackService, Answer | ((own: Answer) => Answer)>();
  const server = await listen((call) => {
    const service = services[call.path];
    if (service === undefined) return refusal(404, 'Not Found');
    calls[service] += 1;
    const override = overrides.get(service) ?? ((own: Answer) => own);
    return typeof override === 'function' ? override(answers[service](instance, call)) : override;
  });
  return {
    origin: server.origin,
    trustedRoot: encodeTrustedRoot(instance),
    signingConfig: encodeSigningConfig(instance, server.origin),
    token: (claims, lifetimeSeconds) => issueToken(instance, claims, lifetimeSeconds),
    ambient: { requestUrl: `${server.origin}/ambient?api-version=2.0`, requestToken: ambientToken },
    calls,
    override: (service, answer) => {
      if (answer === undefined) overrides.delete(service);
      else overrides.set(service, answer);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

type Instance = {
  readonly fulcio: Fulcio;
  readonly logV1: Log | undefined;
  readonly logV2: Log | undefined;
  readonly timestamps: TimestampAuthority | undefined;
  readonly ctLog: KeyPair | undefined;
  readonly identity: KeyPair;
  readonly issuer: string;
  readonly claims: Partial<GithubClaims>;
  readonly clock: () => Date;
  readonly openedAt: Date;
};

function createInstance(options: LoopbackOptions): Instance {
  const { rekor = 'v1', timestamps = true, ctLog = true, issuer = githubIssuer, claims = {} } = options;
  const given = options.clock ?? (() => new Date());
  const clock = (): Date => new Date(Math.floor(given().getTime() / 1000) * 1000);
  const openedAt = clock();
  const identity = generateP256();
  const certificateLog = ctLog ? generateP256() : undefined;
  return {
    fulcio: { chain: createChain(openedAt), ctLog: certificateLog, identity, issuer, clock },
    logV1: rekor === 'v1' || rekor === 'both' ? createLogV1('rekor-v1.loopback.example') : undefined,
    logV2: rekor === 'v2' || rekor === 'both' ? createLogV2('rekor-v2.loopback.example') : undefined,
    timestamps: timestamps ? createTimestampAuthority(openedAt) : undefined,
    ctLog: certificateLog,
    identity,
    issuer,
    claims,
    clock,
    openedAt,
  };
}

const services: Readonly<Record<string, LoopbackService>> = {
  '/api/v2/signingCert': 'fulcio',
  '/api/v1/log/entries': 'rekorV1',
  '/api/v2/log/entries': 'rekorV2',
  '/api/v1/timestamp': 'timestamps',
  '/ambient': 'ambient',
};

const answers: Readonly<Record<LoopbackService, (instance: Instance, call: Call) => Answer>> = {
  fulcio: ({ fulcio }, { body }) => answerSigningCertificate(fulcio, body),
  rekorV1: ({ logV1, clock }, { body }) =>
    logV1 === undefined ? refusal(404, 'Not Found') : answerEntryV1(logV1, body, clock()),
  rekorV2: ({ logV2 }, { body }) => (logV2 === undefined ? refusal(404, 'Not Found') : answerEntryV2(logV2, body)),
  timestamps: ({ timestamps, clock }, { body }) =>
    timestamps === undefined ? refusal(404, 'Not Found') : answerTimestamp(timestamps, body, clock()),
  ambient: (instance, call) => {
    if (call.authorization?.toLowerCase() !== `bearer ${ambientToken}`) return refusal(401, 'Unauthorized');
    if (call.query.get('audience') !== 'sigstore') return refusal(400, 'want the audience sigstore');
    const value = issueToken(instance);
    return jsonAnswer(200, { count: value.length, value });
  },
};

function issueToken(instance: Instance, claims: Partial<GithubClaims> = {}, lifetimeSeconds = 600): string {
  const iat = instance.clock().getTime() / 1000;
  const times = { iss: instance.issuer, aud: 'sigstore', iat, exp: iat + lifetimeSeconds };
  return encodeToken({ ...githubClaims({ ...instance.claims, ...claims }), ...times }, instance.identity);
}

function encodeTrustedRoot(instance: Instance): JsonObject {
  const validFor = { start: rootStart(instance.openedAt).toISOString() };
  const { logV1, logV2, timestamps, ctLog } = instance;
  const { root, intermediate } = instance.fulcio.chain;
  const describeLog = (baseUrl: string, key: Buffer, keyDetails: string, keyId: Buffer): Json => ({
    baseUrl,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: base64(key), keyDetails, validFor },
    logId: { keyId: base64(keyId) },
  });
  const describeChain = (uri: string, commonName: string, chain: readonly Buffer[]): Json => ({
    subject: { organization: 'loopback.example', commonName },
    uri,
    certChain: { certificates: chain.map((der) => ({ rawBytes: base64(der) })) },
    validFor,
  });
  const logs = [
    ...(logV1 === undefined ? [] : [{ log: logV1, details: 'PKIX_ECDSA_P256_SHA_256' }]),
    ...(logV2 === undefined ? [] : [{ log: logV2, details: 'PKIX_ED25519' }]),
  ];
  const ctKey = ctLog === undefined ? undefined : spkiOf(ctLog.publicKey);
  return {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: logs.map(({ log, details }) =>
      describeLog(`https://${log.name}`, spkiOf(log.publicKey), details, log.keyId),
    ),
    certificateAuthorities: [
      describeChain('https://fulcio.loopback.example', 'intermediate', [intermediate.der, root.der]),
    ],
    ctlogs:
      ctKey === undefined
        ? []
        : [describeLog('https://ctfe.loopback.example', ctKey, 'PKIX_ECDSA_P256_SHA_256', sha256(ctKey))],
    timestampAuthorities:
      timestamps === undefined
        ? []
        : [
            describeChain('https://timestamps.loopback.example', 'timestamps', [
              timestamps.signer.der,
              timestamps.root.der,
            ]),
          ],
  };
}

function encodeSigningConfig(instance: Instance, origin: string): JsonObject {
  const validFor = { start: rootStart(instance.openedAt).toISOString() };
  const service = (url: string, majorApiVersion: number): Json => ({
    url,
    majorApiVersion,
    validFor,
    operator: 'loopback.example',
  });
  const logs = [
    ...(instance.logV2 === undefined ? [] : [service(origin, 2)]),
    ...(instance.logV1 === undefined ? [] : [service(origin, 1)]),
  ];
  return {
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: [service(origin, 1)],
    oidcUrls: [service(instance.issuer, 1)],
    rekorTlogUrls: logs,
    ...(logs.length === 0 ? {} : { rekorTlogConfig: { selector: 'ANY' } }),
    tsaUrls: instance.timestamps === undefined ? [] : [service(`${origin}/api/v1/timestamp`, 1)],
    ...(instance.timestamps === undefined ? {} : { tsaConfig: { selector: 'ANY' } }),
  };
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64');
}
