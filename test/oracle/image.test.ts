import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Digest } from '../../pipeline/core/index.ts';
import { runCommandLine } from '../support/command-line.ts';
import { demo, openWorkshop, readDemoCertificate, readDemoImage, type Workshop } from '../support/demo-images.ts';
import { findTool } from '../support/tools.ts';

const wanted = ['veritysetup', 'sgdisk', 'mcopy', 'openssl', 'unsquashfs', 'sha256sum'];
const absent = wanted.filter((name) => findTool(name) === undefined);
if (absent.length > 0) console.warn(`skipped: ${absent.join(', ')} not installed`);

let workshop: Workshop;
beforeAll(() => {
  workshop = openWorkshop(demo.image, demo.falco, demo.kubernetes);
  workshop.write('sysexts.crt', readDemoCertificate());
});
afterAll(() => workshop[Symbol.dispose]());

const run = (tool: string, ...args: string[]): string =>
  execFileSync(findTool(tool) ?? tool, args, {
    cwd: workshop.directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

type Partition = { label: string; number: number; offsetBytes: number; sizeBytes: number };
type File = {
  partitions: Partition[];
  usrHash: { computed: string; superblock: { offsetBytes: number } };
  kernel: { sha256: string };
  rootHash: { computed: string };
};

async function inspect(name: string): Promise<File> {
  const { json } = await runCommandLine(['inspect', name, '--json'], workshop);
  const [file] = (json as { files: [File] }).files;
  return file;
}

function extract(name: string, { offsetBytes, sizeBytes }: Partition, as: string): void {
  writeFileSync(workshop.path(as), readDemoImage(name).subarray(offsetBytes, offsetBytes + sizeBytes));
}

const labelled = ({ partitions }: File, label: string): Partition => {
  const found = partitions.find((partition) => partition.label === label);
  if (found === undefined) throw new Error(`Cannot find the partition ${label}`);
  return found;
};

describe.skipIf(absent.length > 0)('inspect agrees with the real tools', () => {
  it('about the partitions of a disk', async () => {
    const { partitions } = await inspect(demo.image);
    const rows = run('sgdisk', '--print', demo.image)
      .split('\n')
      .flatMap((line) => {
        const match = /^ +(\d+) +(\d+) +(\d+) .* (\S+)$/.exec(line);
        return match === null ? [] : [[Number(match[1]), Number(match[2]) * 512, match[4]]];
      });
    expect(partitions.map(({ number, offsetBytes, label }) => [number, offsetBytes, label])).toEqual(rows);
  });

  it('about the usr hash, which veritysetup verifies, and no other', async () => {
    const file = await inspect(demo.image);
    extract(demo.image, labelled(file, 'USR-A'), 'usr.img');
    const verify = (hash: string) =>
      run('veritysetup', 'verify', 'usr.img', 'usr.img', hash, `--hash-offset=${file.usrHash.superblock.offsetBytes}`);
    expect(() => verify(file.usrHash.computed)).not.toThrow();
    expect(() => verify(file.usrHash.computed.replace(/^./, (digit) => (digit === '0' ? '1' : '0')))).toThrow();
  });

  it('about the kernel, which mcopy reads', async () => {
    const file = await inspect(demo.image);
    extract(demo.image, labelled(file, 'EFI-SYSTEM'), 'efi.img');
    run('mcopy', '-i', 'efi.img', '::flatcar/vmlinuz-a', 'vmlinuz-a');
    expect(file.kernel.sha256).toBe(Digest.of('sha256', readFileSync(workshop.path('vmlinuz-a'))).hex);
  });

  it('about the root hash of a DDI and who signed it', async () => {
    const file = await inspect(demo.falco);
    extract(demo.falco, labelled(file, 'root-x86-64'), 'root.img');
    extract(demo.falco, labelled(file, 'root-x86-64-verity'), 'verity.img');
    extract(demo.falco, labelled(file, 'root-x86-64-verity-sig'), 'signature.img');
    expect(() => run('veritysetup', 'verify', 'root.img', 'verity.img', file.rootHash.computed)).not.toThrow();
    const { signature } = JSON.parse(readFileSync(workshop.path('signature.img'), 'utf8').replaceAll('\0', '')) as {
      signature: string;
    };
    writeFileSync(workshop.path('signature.der'), Buffer.from(signature, 'base64'));
    writeFileSync(workshop.path('root-hash'), file.rootHash.computed);
    const smime = ['-inform', 'DER', '-in', 'signature.der', '-content', 'root-hash', '-binary', '-noverify'];
    run('openssl', 'smime', '-verify', ...smime, '-nointern', '-certfile', 'sysexts.crt', '-out', 'verified');
    const { json } = await runCommandLine(['inspect', demo.falco, '--certificate', 'sysexts.crt', '--json'], workshop);
    expect(json).toMatchObject({ files: [{ signature: { verified: true } }] });
  });
});

describe.skipIf(absent.length > 0)('sha256sum', () => {
  it('checks every file of a release', async () => {
    run('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', 'key.pem');
    const args = [
      '--image',
      demo.image,
      '--sysext',
      demo.kubernetes,
      '--name',
      'set',
      '--key',
      'key.pem',
      '--out',
      'release',
    ];
    expect((await runCommandLine(['attest', ...args], workshop)).exit).toBe(0);
    for (const name of [demo.image, demo.kubernetes]) run('cp', name, `release/${name}`);
    const checked = execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], {
      cwd: workshop.path('release'),
      encoding: 'utf8',
    });
    expect(
      checked
        .trimEnd()
        .split('\n')
        .every((line) => line.endsWith(': OK')),
    ).toBe(true);
  });
});
