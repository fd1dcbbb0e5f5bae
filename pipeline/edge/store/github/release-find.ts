import { decodeUtf8, type Digest, Fault, limits } from '../../../core/index.ts';
import { parseJsonBytes } from '../../../formats/json/index.ts';
import { Findings, type Found, type Intake, runInLanes } from '../../../store/index.ts';
import { checkDigest } from '../directory/find.ts';
import { checkVisible, type GithubClient } from './client.ts';
import { explainRefusal } from './explain.ts';
import { type Asset, digestOf, downloadAsset, findRelease, readAssets } from './release-api.ts';
import type { GithubTag } from './site.ts';

/** Reads every bundle among the assets; a release holds bundles about all its files, and those about others are no junk. */
export async function findInRelease(
  client: GithubClient,
  name: string,
  place: GithubTag,
  digest: Digest,
  intake: Intake | undefined,
): Promise<Found> {
  const findings = new Findings([digest], intake, { isMixed: true });
  const release = await findRelease(client, place);
  if (release === null) {
    await checkVisible(client, place);
    return findings.found();
  }
  const read = (asset: Asset): Promise<void> => readAsset(client, place, asset, `${name} ${asset.name}`, findings);
  return findings.readParts(name, readAssets(client, place, release), async (assets) => {
    const candidates = assets.filter(isOfBundles);
    await runInLanes(candidates.filter(isSingle), read);
    // Each may have as many bundles as all others together: one at a time is in memory.
    for (const asset of candidates.filter((each) => !isSingle(each))) await read(asset);
  });
}

function isOfBundles({ name, state }: Asset): boolean {
  return state === 'uploaded' && /\.(?:sigstore\.json|intoto\.jsonl)$/.test(name);
}

function isSingle({ name }: Asset): boolean {
  return name.endsWith('.json');
}

async function readAsset(
  client: GithubClient,
  place: GithubTag,
  asset: Asset,
  from: string,
  findings: Findings,
): Promise<void> {
  let bytes: Uint8Array;
  try {
    bytes = await explainRefusal('contents: read', () => readContent(client, place, asset));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    findings.passOver(error, from);
    return;
  }
  if (isSingle(asset)) {
    await findings.attempt(from, async () => onOneLine(bytes));
    return;
  }
  for (const { line, at } of splitLines(bytes, from, findings))
    await findings.attempt(`${from} line ${at}`, async () => onOneLine(line));
}

async function readContent(client: GithubClient, place: GithubTag, asset: Asset): Promise<Uint8Array> {
  const most = isSingle(asset) ? limits.bundleBytes : limits.trustPackBytes;
  if (asset.size > most)
    throw new Fault('limit.store-answer', `Cannot read ${asset.size} bytes of bundles: want at most ${most}`);
  const bytes = await downloadAsset(client, place, asset, asset.size);
  const digest = digestOf(asset);
  if (digest !== null) checkDigest(bytes, digest, 'asset');
  return bytes;
}

/** The same bundle is a file of its own and a line: white space must not make two of them. */
function onOneLine(bytes: Uint8Array): Uint8Array {
  return Buffer.from(JSON.stringify(parseJsonBytes(bytes, 'bundle', limits.bundleBytes)));
}

function splitLines(
  bytes: Uint8Array,
  from: string,
  findings: Findings,
): readonly { readonly line: Uint8Array; readonly at: number }[] {
  try {
    const lines = decodeUtf8(bytes, 'lines of bundles').split('\n', limits.bundleLines + 1);
    if (lines.length > limits.bundleLines) {
      const most = `Cannot read all lines: want at most ${limits.bundleLines}`;
      findings.leaveUnread(new Fault('limit.bundle-lines', most), from);
    }
    return lines
      .slice(0, limits.bundleLines)
      .flatMap((line, at) => (line.trim() === '' ? [] : [{ line: Buffer.from(line), at: at + 1 }]));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    findings.passOver(error, from);
    return [];
  }
}
