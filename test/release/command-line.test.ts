import { describe, expect, it } from 'vitest';
import { lastValue, parseKernelCommandLine } from '../../pipeline/formats/kernel-command-line/index.ts';
import { compareCommandLine, flatcarCommandLine } from '../../pipeline/release/index.ts';

const flatcar =
  'rootflags=rw mount.usrflags=ro BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr verity.usr=PARTUUID=7130c94a-213a-4e5a-8e26-6cce9662f132 rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT console=ttyS0,115200n8 flatcar.first_boot=detected flatcar.oem.id=qemu verity.usrhash=20b08968\n';

const problems = (line: string) =>
  compareCommandLine(parseKernelCommandLine(line), flatcarCommandLine).map(({ argument, problem }) => [
    argument.name,
    problem,
  ]);

describe("Flatcar's command line", () => {
  it('is what the grammar allows', () => {
    expect(problems(flatcar)).toEqual([]);
  });

  it.each([
    ['init=/bin/sh', 'init'],
    ['systemd.mask=nodeproof-guard.service', 'systemd.mask'],
    ['systemd.setenv=LD_PRELOAD=/opt/x.so', 'systemd.setenv'],
    ['systemd.unit=rescue.target', 'systemd.unit'],
    ['systemd.wants=debug-shell.service', 'systemd.wants'],
    ['systemd.run_success_action=none', 'systemd.run_success_action'],
    ['rd.systemd.unit=x', 'rd.systemd.unit'],
    ['dm-verity.error_behavior=0', 'dm-verity.error_behavior'],
  ])('with %s is denied', (argument, name) => {
    expect(problems(`${flatcar} ${argument}`)).toEqual([[name, 'denied']]);
  });

  it('takes dashes and underscores as one, as the kernel does', () => {
    expect(problems('rd.systemd.debug-shell=1 dm_verity.error_behavior=0')).toHaveLength(2);
  });

  it('with a writable /usr has a problem of value', () => {
    expect(problems('mount.usrflags=rw')).toEqual([['mount.usrflags', 'value']]);
  });

  it('with an argument that no list names has a problem', () => {
    expect(problems('modprobe.blacklist=x')).toEqual([['modprobe.blacklist', 'unlisted']]);
  });
});

describe('a kernel command line', () => {
  it('keeps blanks inside quotes and drops the quotes', () => {
    expect(parseKernelCommandLine('a="b c" "d=e f" g')).toEqual([
      { name: 'a', value: 'b c' },
      { name: 'd', value: 'e f' },
      { name: 'g', value: null },
    ]);
  });

  it('answers with the last of two values, as its readers do', () => {
    expect(lastValue(parseKernelCommandLine('x=1 x=2'), 'x')).toBe('2');
  });
});
