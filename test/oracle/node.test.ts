import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Evidence, judgeEvidence, parseEvidence } from '../../pipeline/evidence/index.ts';
import { image } from '../evidence/made-node.ts';

/**
 * What a real kernel shows of merged extensions: loop devices, squashfs and overlayfs as systemd-sysext mounts them, in a
 * mount namespace of their own.
 */
const collect = `"$NODE" "$CHECKOUT/pipeline/cli/main.ts" node collect --json`;

/** As merge_subprocess() of systemd does it: the image by a loop device, the overlay over /usr, the record in its top layer. */
const merge = `
set -eu
mount -t tmpfs tmpfs /run
mkdir /run/extensions
mkdir -p /run/systemd/sysext/meta/usr/.systemd-sysext /run/systemd/sysext/extensions/kubernetes
loop_over() { # FILE
  loop=$(losetup --find --show --read-only "$1")
  mount -t squashfs -o ro "$loop" /run/systemd/sysext/extensions/kubernetes
  losetup --detach "$loop" # gone with its last user
}
merge_into_usr() {
  echo kubernetes >/run/systemd/sysext/meta/usr/.systemd-sysext/extensions
  mount -t overlay sysext -o ro,lowerdir=/run/systemd/sysext/meta/usr:/run/systemd/sysext/extensions/kubernetes/usr:/usr /usr
  stat -c %Hd:%Ld /usr >/run/systemd/sysext/meta/usr/.systemd-sysext/dev
}
`;

const needs = whatIsMissing();

describe.skipIf(needs !== null)(`Extensions on a real kernel${needs === null ? '' : ` (skipped: ${needs})`}`, () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nodeproof-oracle-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function run(script: string): Evidence {
    writeFileSync(join(folder, 'k.raw'), image('kubernetes.raw'));
    writeFileSync(join(folder, 'evil.raw'), Buffer.concat([image('kubernetes.raw'), Buffer.alloc(4096)]));
    // The mount table that counts is that of the first process: the shell is that of its own process namespace.
    const namespaces = ['--mount', '--pid', '--fork', '--mount-proc'];
    execFileSync('unshare', [...namespaces, 'bash', '-c', `${merge}${script}`], {
      env: {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        NODE: process.execPath,
        CHECKOUT: join(import.meta.dirname, '../..'),
        W: folder,
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return parseEvidence(readFileSync(join(folder, 'evidence.json')));
  }

  const from = 'ln -s "$W/k.raw" /run/extensions/kubernetes.raw\nloop_over "$W/k.raw"\nmerge_into_usr\n';

  test('that run from the image that lies there have no finding', () => {
    const evidence = run(`${from}${collect} >"$W/evidence.json"`);
    expect(evidence.sysexts.merged.value).toEqual(['kubernetes']);
    expect(evidence.sysexts.overlay).toMatchObject({
      recordedDevice: evidence.sysexts.overlay?.device,
      lowerDirectories: ['/run/systemd/sysext/meta/usr', '/run/systemd/sysext/extensions/kubernetes/usr', '/usr'],
    });
    expect(codesOf(evidence)).toEqual([]);
  });

  test('whose image was replaced after the merge are noticed', () => {
    const evidence = run(`${from}mv "$W/evil.raw" "$W/k.raw"\n${collect} >"$W/evidence.json"`);
    expect(codesOf(evidence)).toEqual(['extension.swapped']);
  });

  test('whose image was moved away before another took its place are noticed', () => {
    const evidence = run(
      `${from}mv "$W/k.raw" "$W/away.raw"\nmv "$W/evil.raw" "$W/k.raw"\n${collect} >"$W/evidence.json"`,
    );
    expect(codesOf(evidence)).toEqual(['extension.backing-unknown']);
  });

  test('whose image was moved away are noticed, a loop device over what took its place or not', () => {
    const evidence = run(
      `${from}mv "$W/k.raw" "$W/away.raw"\nmv "$W/evil.raw" "$W/k.raw"\ndecoy=$(losetup --find --show --read-only "$W/k.raw")
${collect} >"$W/evidence.json"\nlosetup --detach "$decoy"`,
    );
    expect(codesOf(evidence)).toEqual(['extension.backing-unknown']);
  });

  test('whose link was turned to another image after the merge are noticed', () => {
    const evidence = run(`${from}ln -sf "$W/evil.raw" /run/extensions/kubernetes.raw\n${collect} >"$W/evidence.json"`);
    expect(codesOf(evidence)).toContain('extension.backing-unknown');
  });

  test('whose image lies in the /usr that the merge covers have no finding', () => {
    const evidence = run(`
mkdir "$W/base" && mount -t tmpfs tmpfs "$W/base" && cp "$W/k.raw" "$W/base/k.raw"
mount -t overlay base -o ro,lowerdir="$W/base":/usr /usr
ln -s /usr/k.raw /run/extensions/kubernetes.raw
loop_over /usr/k.raw
merge_into_usr
${collect} >"$W/evidence.json"`);
    expect(evidence.sysexts.found[0]?.resolvedPath).toBe('/usr/k.raw');
    expect(evidence.usr.mount).toMatchObject({ fileSystem: 'overlay', source: 'base' });
    expect(codesOf(evidence)).toEqual([]);
  });

  test('that are covered by a bind mount are noticed', () => {
    const evidence = run(`${from}mount --bind "$W/evil.raw" /usr/bin/env\n${collect} >"$W/evidence.json"`);
    expect(codesOf(evidence)).toEqual(['usr.mounted-over']);
  });
});

/** The machine of the test has no verity and its own command line: only what is about extensions and mounts counts. */
function codesOf(evidence: Evidence): readonly string[] {
  const wanted = {
    usrVerity: 'absent-allowed',
    sysextVerity: false,
    commandLine: 'denied-arguments-only',
    extensions: 'running',
  } as const;
  return judgeEvidence(evidence, wanted, null)
    .findings.map((finding) => finding.code)
    .filter((code) => code.startsWith('extension.') || code === 'usr.mounted-over');
}

function whatIsMissing(): string | null {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  try {
    execFileSync('unshare', ['--mount', '--pid', '--fork', '--mount-proc', 'bash', '-c', 'losetup --version'], {
      stdio: 'ignore',
    });
    return null;
  } catch {
    return 'no mount namespaces, or no losetup';
  }
}
