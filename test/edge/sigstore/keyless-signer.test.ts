import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  parseSigningConfig,
  publicGoodServices,
  selectServices,
  type SigningServices,
} from '../../../pipeline/attest/signing/index.ts';
import { Fault } from '../../../pipeline/core/index.ts';
import { buildKeylessSigner, githubIdentityToken, givenIdentityToken } from '../../../pipeline/edge/sigstore/index.ts';
import {
  type LoopbackOptions,
  type LoopbackSigstore,
  openLoopbackSigstore,
} from '../../support/loopback-sigstore/index.ts';
import { faultOf, impatient, inToto, parse, statement, verifyByRoot } from './support.ts';

const now = (): Date => new Date();

function servicesOf(sigstore: LoopbackSigstore): SigningServices {
  const config = parseSigningConfig(Buffer.from(JSON.stringify(sigstore.signingConfig)));
  return selectServices(config, new Date(), { certificateAuthority: true });
}

function sign(sigstore: LoopbackSigstore, services = servicesOf(sigstore)): Promise<Uint8Array> {
  return buildKeylessSigner(services, givenIdentityToken(sigstore.token(), now), impatient).signStatement(
    statement,
    inToto,
  );
}

describe('keyless signing', () => {
  const ways: readonly (readonly [
    string,
    LoopbackOptions,
    { logs: string[]; timestamps: number; thresholds: object },
  ])[] = [
    ['Rekor v1', { rekor: 'v1', timestamps: false }, { logs: ['dsse 0.0.1'], timestamps: 0, thresholds: {} }],
    [
      'Rekor v1 and a timestamp',
      { rekor: 'v1' },
      { logs: ['dsse 0.0.1'], timestamps: 1, thresholds: { timestampThreshold: 2 } },
    ],
    ['Rekor v2 and a timestamp', { rekor: 'v2' }, { logs: ['hashedrekord 0.0.2'], timestamps: 1, thresholds: {} }],
    ['both, of which v2 is chosen', { rekor: 'both' }, { logs: ['hashedrekord 0.0.2'], timestamps: 1, thresholds: {} }],
    ['a timestamp alone', { rekor: 'none' }, { logs: [], timestamps: 1, thresholds: { tlogThreshold: 0 } }],
    [
      'no certificate log',
      { ctLog: false },
      { logs: ['dsse 0.0.1'], timestamps: 1, thresholds: { ctlogThreshold: 0 } },
    ],
  ];
  test.each(ways)('through %s makes what @sigstore/verify accepts', async (_, options, want) => {
    await using sigstore = await openLoopbackSigstore(options);
    for (let round = 0; round < 3; round++) {
      const bundle = await sign(sigstore);
      const { identity } = verifyByRoot(bundle, sigstore.trustedRoot, want.thresholds);
      expect(identity?.subjectAlternativeName).toContain('/release.yml@refs/tags/');
      const { verificationMaterial: material, mediaType } = parse(bundle);
      expect(mediaType).toBe('application/vnd.dev.sigstore.bundle.v0.3+json');
      expect(material.certificate).toBeDefined();
      expect(
        (material.tlogEntries ?? []).map(({ kindVersion }) => `${kindVersion.kind} ${kindVersion.version}`),
      ).toEqual(want.logs);
      expect(material.timestampVerificationData.rfc3161Timestamps ?? []).toHaveLength(want.timestamps);
    }
  });

  test("takes the token of the workflow's runner, a fresh one for each signature", async () => {
    await using sigstore = await openLoopbackSigstore({ claims: { repository: 'acme/other' } });
    const signer = buildKeylessSigner(
      servicesOf(sigstore),
      githubIdentityToken(sigstore.ambient, impatient),
      impatient,
    );
    for (let round = 1; round <= 2; round++) {
      const { identity } = verifyByRoot(await signer.signStatement(statement, inToto), sigstore.trustedRoot);
      expect(identity?.subjectAlternativeName).toContain('https://github.com/acme/other/');
      expect(sigstore.calls.ambient).toBe(round);
    }
  });

  test('is refused before anything is asked where nothing would tell the time', async () => {
    await using sigstore = await openLoopbackSigstore({ rekor: 'v2', timestamps: false });
    expect((await faultOf(() => sign(sigstore))).code).toBe('config.signing-time');
    const alone = { ...publicGoodServices, logs: [] };
    expect((await faultOf(() => sign(sigstore, alone))).code).toBe('config.signing-time');
    expect(sigstore.calls.fulcio).toBe(0);
  });

  test('is refused without a certificate authority', async () => {
    await using sigstore = await openLoopbackSigstore();
    const services = { ...servicesOf(sigstore), certificateAuthority: undefined };
    expect((await faultOf(() => sign(sigstore, services))).code).toBe('config.signing-service');
  });

  test('fails where Fulcio does not know the token, and the message does not hold it', async () => {
    await using sigstore = await openLoopbackSigstore();
    await using stranger = await openLoopbackSigstore();
    const token = stranger.token();
    const fault = await faultOf(() =>
      buildKeylessSigner(servicesOf(sigstore), givenIdentityToken(token, now), impatient).signStatement(
        statement,
        inToto,
      ),
    );
    expect(fault.code).toBe('signing.refused');
    expect(fault.message).toBe(
      'Cannot sign: the certificate authority (Fulcio) refuses the request: HTTP status 400: There was an error processing the identity token',
    );
    expect(JSON.stringify(fault)).not.toContain(token.split('.')[1]);
  });

  test('repeats no token that a service says, whole or in part', async () => {
    await using sigstore = await openLoopbackSigstore();
    const token = sigstore.token();
    const body = JSON.stringify({ message: `bad token ${token}\nor ${token.slice(0, 40)}\u001b[31m` });
    sigstore.override('fulcio', { status: 400, body, type: 'application/json' });
    const source = givenIdentityToken(token, now);
    const fault = await faultOf(() =>
      buildKeylessSigner(servicesOf(sigstore), source, impatient).signStatement(statement, inToto),
    );
    expect(fault.message).toContain('bad token [secret] or [token] [31m');
    expect(fault.cause).toBeUndefined();
  });
});

describe('a service that fails', () => {
  const html = { status: 200, body: '<html>a portal wants you to log in</html>', type: 'text/html' };
  const answers = {
    'answers 503': [{ status: 503, body: 'down' }, 'network.status'],
    'answers 429': [{ status: 429, body: '' }, 'network.status'],
    'answers 403': [{ status: 403, body: '{"message":"no"}', type: 'application/json' }, 'signing.refused'],
    'is a portal': [html, 'signing.answer'],
    'answers an empty object': [{ status: 201, body: '{}', type: 'application/json' }, 'signing.answer'],
    'answers null': [{ status: 201, body: 'null', type: 'application/json' }, 'signing.answer'],
    'answers nothing': [{ status: 201, body: '' }, 'signing.answer'],
    'does not answer in time': [{ status: 200, body: '{}', delayMs: 5000 }, 'network.timeout'],
  } as const;
  const services = ['fulcio', 'rekorV1', 'rekorV2', 'timestamps'] as const;
  const cases = services.flatMap((service) =>
    Object.entries(answers)
      // A Rekor v2 log is given 20 seconds, whatever the options say.
      .filter(([name]) => service !== 'rekorV2' || name !== 'does not answer in time')
      .map(([name, [answer, code]]) => [service, name, answer, code] as const),
  );
  test.concurrent.each(cases)('%s: %s', async (service, _, answer, code) => {
    await using sigstore = await openLoopbackSigstore({ rekor: service === 'rekorV2' ? 'v2' : 'v1' });
    sigstore.override(service, answer);
    const calls = code === 'network.timeout' ? { timeoutMs: 300, retries: 0 } : impatient;
    const signer = buildKeylessSigner(servicesOf(sigstore), givenIdentityToken(sigstore.token(), now), calls);
    const fault = await faultOf(() => signer.signStatement(statement, inToto));
    expect(fault.code).toBe(code);
    expect(fault.message).toMatch(/^Cannot [ -~]+$/);
    expect(fault.where).toContain(sigstore.origin);
  });

  test.each(services)('%s: nobody listens', async (service) => {
    await using sigstore = await openLoopbackSigstore({ rekor: service === 'rekorV2' ? 'v2' : 'v1' });
    const good = servicesOf(sigstore);
    const gone = await openLoopbackSigstore();
    await gone[Symbol.asyncDispose]();
    const nowhere = gone.origin;
    const bad =
      service === 'fulcio'
        ? { ...good, certificateAuthority: nowhere }
        : service === 'timestamps'
          ? { ...good, timestampAuthorities: [nowhere] }
          : { ...good, logs: good.logs.map((log) => ({ ...log, url: nowhere })) };
    const fault = await faultOf(() => sign(sigstore, bad));
    expect([fault.code, fault.message.includes('ECONNREFUSED')]).toEqual(['network.unreachable', true]);
  });

  test('is tried again where the failure may pass', async () => {
    await using sigstore = await openLoopbackSigstore({ rekor: 'v2' });
    sigstore.override('rekorV2', { status: 502, body: '' });
    const signer = buildKeylessSigner(servicesOf(sigstore), givenIdentityToken(sigstore.token(), now), {
      timeoutMs: 5000,
      retries: 1,
    });
    const signing = signer.signStatement(statement, inToto);
    while (sigstore.calls.rekorV2 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    sigstore.override('rekorV2', undefined);
    verifyByRoot(await signing, sigstore.trustedRoot);
  });
});

describe('a service whose answer is changed on the way', () => {
  const place = fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), byte: fc.nat(255) });
  const change = fc.oneof(
    fc.array(place, { minLength: 1, maxLength: 3 }).map((places) => (body: Buffer) => {
      for (const { at, byte } of places) body[Math.floor(at * body.length)] = byte;
      return body;
    }),
    fc.double({ min: 0, max: 1, noNaN: true }).map((share) => (body: Buffer) => body.subarray(0, share * body.length)),
  );
  test.each([
    ['fulcio', 'v1'],
    ['rekorV1', 'v1'],
    ['rekorV2', 'v2'],
    ['timestamps', 'v1'],
  ] as const)('%s: gives a bundle or a fault, never another error', async (service, rekor) => {
    await using sigstore = await openLoopbackSigstore({ rekor });
    const property = fc.asyncProperty(change, async (apply) => {
      sigstore.override(service, (own) => ({ ...own, body: apply(Buffer.from(own.body as string)) }));
      await sign(sigstore).catch((error: unknown) => expect(error).toBeInstanceOf(Fault));
    });
    await fc.assert(property, { numRuns: 25 });
  });

  test('is refused where the certificate holds a malformed key', async () => {
    await using sigstore = await openLoopbackSigstore();
    // The point of a P-256 key, uncompressed: another first byte makes it none.
    const point = Buffer.from('03420004', 'hex');
    sigstore.override('fulcio', (own) => ({
      ...own,
      body: own.body.toString().replace(/(?<=-----BEGIN CERTIFICATE-----)[^-]+/, (text) => {
        const der = Buffer.from(text.replaceAll(String.raw`\n`, ''), 'base64');
        der[der.indexOf(point) + 3] = 0x09;
        return `\\n${der.toString('base64')}\\n`;
      }),
    }));
    const fault = await faultOf(() => sign(sigstore));
    expect([fault.code, fault.message]).toEqual([
      'signing.answer',
      'Cannot use the answer of the certificate authority (Fulcio): it holds no certificate',
    ]);
  });
});

describe('a service that answers for something else', () => {
  test.each(['rekorV1', 'rekorV2', 'timestamps'] as const)('%s', async (service) => {
    await using sigstore = await openLoopbackSigstore({ rekor: service === 'rekorV2' ? 'v2' : 'v1' });
    let recorded: Uint8Array | string | undefined;
    sigstore.override(service, (own) => {
      recorded ??= own.body;
      return own;
    });
    await sign(sigstore);
    sigstore.override(service, { status: 201, body: recorded ?? '', type: 'application/json' });
    const fault = await faultOf(() => sign(sigstore));
    expect(fault.code).toBe('signing.answer');
    expect(fault.message).toContain('of our signature');
  });
});
