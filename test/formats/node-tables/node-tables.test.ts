import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault, limits } from '../../../pipeline/core/index.ts';
import { parseDeviceMapper, parseVerityTarget } from '../../../pipeline/formats/device-mapper/index.ts';
import { parseLosetup } from '../../../pipeline/formats/losetup/index.ts';
import { parseMountinfo as parseMountTable } from '../../../pipeline/formats/mountinfo/index.ts';

const parseMountinfo = (text: string) => parseMountTable(Buffer.from(text));

function givesValueOrFault(parse: (text: string) => unknown): (text: string) => void {
  return (text) => {
    try {
      parse(text);
    } catch (error) {
      expect(error).toBeInstanceOf(Fault);
    }
  };
}

describe('a mount table', () => {
  const line =
    '61 1 0:24 / /usr ro,relatime shared:3 - btrfs /dev/mapper/usr ro,rescue=nologreplay,subvolid=5,subvol=/';

  it('is read with its optional fields', () => {
    expect(parseMountinfo(`${line}\n`)[0]).toMatchObject({
      id: 61,
      device: '0:24',
      mountPoint: '/usr',
      fileSystem: 'btrfs',
      source: '/dev/mapper/usr',
    });
  });

  it('is read without optional fields, and octal escapes are undone', () => {
    expect(parseMountinfo('1 2 8:1 / /a\\040b rw - ext4 /dev/sda1 rw')[0]?.mountPoint).toBe('/a b');
  });

  it('keeps an escaped comma inside an overlay option', () => {
    expect(
      parseMountinfo('1 2 0:40 / /usr ro - overlay sysext ro,lowerdir=/a\\,b:/c,upperdir=/d')[0]?.superOptions,
    ).toEqual(['ro', 'lowerdir=/a\\,b:/c', 'upperdir=/d']);
  });

  it.each(['', '1 2 8:1 / /usr ro', '1 2 8 / /usr ro - ext4 x rw', 'x 2 8:1 / /usr ro - ext4 x rw'].slice(1))(
    'refuses the line %j',
    (bad) => {
      expect(() => parseMountinfo(`${line}\n${bad}\n`)).toThrow(/line 2/);
    },
  );

  const bytes = (text: string) => Buffer.from(text, 'latin1');
  const pod = '99 22 0:50 / /var/lib/kubelet/pods/1/volumes/a rw - tmpfs tmpfs rw,size=1024k\n';

  it('is read in UTF-8', () => {
    expect(parseMountinfo('1 2 8:1 / /mnt/größe\\040a rw - ext4 /dev/sda1 rw')[0]?.mountPoint).toBe('/mnt/größe a');
  });

  it('with a line in any other bytes is read, and that line is like none in UTF-8', () => {
    const [first, second] = parseMountTable(bytes(`${line}\n1 2 8:1 /\xc3\xa4 /mnt/\xff rw - ext4 /dev/sda1 rw\n`));
    expect(first?.mountPoint).toBe('/usr');
    expect(second?.mountPoint).toBe('/mnt/\udcff');
    expect(second?.root).not.toBe(parseMountinfo('1 2 8:1 /ä /mnt rw - ext4 /dev/sda1 rw')[0]?.root);
    expect(second?.root.isWellFormed()).toBe(false);
  });

  it('of as many lines as Linux allows is read in far less than a second', () => {
    const layers = Array.from({ length: 12 }, (_, at) => `/var/lib/containerd/snapshots/${at}/fs`).join(':');
    const table = bytes(
      `${line}\n`.repeat(limits.mounts / 2) +
        `60 23 0:38 / /run/containerd/\xff/rootfs rw - overlay overlay rw,lowerdir=${layers}\n`.repeat(
          limits.mounts / 2,
        ),
    );
    const started = performance.now();
    expect(parseMountTable(table)).toHaveLength(limits.mounts);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('of more lines is refused by name', () => {
    expect(() => parseMountTable(bytes(pod.repeat(limits.mounts + 1)))).toThrow(
      expect.objectContaining({ code: 'limit.mounts' }),
    );
  });

  it('of any text is a table or a Fault', () => {
    fc.assert(fc.property(fc.string(), givesValueOrFault(parseMountinfo)));
    fc.assert(
      fc.property(fc.uint8Array(), (any) => givesValueOrFault(() => parseMountTable(Buffer.concat([any, any])))('')),
    );
    fc.assert(
      fc.property(fc.nat(line.length), fc.string({ maxLength: 3 }), (at, noise) =>
        givesValueOrFault(parseMountinfo)(line.slice(0, at) + noise + line.slice(at + 1)),
      ),
    );
  });
});

describe('a device-mapper table', () => {
  const root = '20b08968dc4527a622b7f9f0ba9b6e1a16377500f1f9f93231712ccb45150570';
  const table = `usr: 0 2080752 verity 1 8:3 8:3 4096 4096 260094 260095 sha256 ${root} ab12 1 panic_on_corruption\nroot: 0 100 linear 8:9 0\nroot: 100 50 linear 8:10 0\n`;

  it('groups the targets of each device', () => {
    const devices = parseDeviceMapper(table);
    expect(devices.get('root')).toHaveLength(2);
    expect(devices.get('usr')?.[0]).toMatchObject({ startSector: 0, sectors: 2_080_752, type: 'verity' });
  });

  it('has verity targets with their options', () => {
    const [target] = parseDeviceMapper(table).get('usr') ?? [];
    expect(target && parseVerityTarget(target)).toMatchObject({
      rootHash: root,
      salt: 'ab12',
      dataBlocks: 260_094,
      options: ['panic_on_corruption'],
    });
  });

  it('refuses a verity target whose options are not as many as it says', () => {
    const [target] = parseDeviceMapper(table.replace('1 panic_on_corruption', '0 ignore_corruption')).get('usr') ?? [];
    expect(() => target && parseVerityTarget(target)).toThrow(/verity target/);
  });

  it('is empty where dmsetup says that there is no device', () => {
    expect(parseDeviceMapper('No devices found\n').size).toBe(0);
  });

  it.each(['crypt-1: ', 'crypt-1:', 'disk:a: '])('has no targets of a device without a table: %j', (line) => {
    const devices = parseDeviceMapper(`${line}\n${table}`);
    expect(devices.get(line.trimEnd().slice(0, -1))).toEqual([]);
    expect(devices.get('usr')).toHaveLength(1);
  });

  it.each(['crypt-1: 0', 'crypt-1: 0 8', ': ', 'crypt 1: '])('refuses the line %j', (bad) => {
    expect(() => parseDeviceMapper(`${table}${bad}\n`)).toThrow(/line 4/);
  });

  it('of any text is a table or a Fault', () => {
    fc.assert(fc.property(fc.string(), givesValueOrFault(parseDeviceMapper)));
    fc.assert(
      fc.property(
        fc.array(fc.string()),
        givesValueOrFault((text) =>
          parseVerityTarget({ startSector: 0, sectors: 1, type: 'verity', parameters: text as unknown as string[] }),
        ) as never,
      ),
    );
  });
});

describe('a list of loop devices', () => {
  it('is read from util-linux, and an unlinked backing file is told', () => {
    const text =
      '{"loopdevices":[{"name":"/dev/loop0","maj:min":"  7:0","back-file":"/opt/k.raw (deleted)","back-ino":12,"back-maj:min":"  8:9","offset":0,"autoclear":true}]}';
    expect(parseLosetup(text)).toEqual([
      {
        name: '/dev/loop0',
        device: '7:0',
        backingFile: '/opt/k.raw',
        deleted: true,
        backingInode: 12,
        backingDevice: '8:9',
        offsetBytes: 0,
        autoclear: true,
      },
    ]);
  });

  it('longer than any node has is refused by name', () => {
    const loop = { name: '/dev/loop0', 'maj:min': '7:0', 'back-file': '/a', offset: 0 };
    const text = JSON.stringify({ loopdevices: Array.from({ length: limits.loopDevices + 1 }, () => loop) });
    expect(() => parseLosetup(text)).toThrow(expect.objectContaining({ code: 'limit.loop-devices' }));
  });

  it('is empty where losetup prints nothing', () => {
    expect(parseLosetup('')).toEqual([]);
  });

  it('of any text is a list or a Fault', () => {
    fc.assert(fc.property(fc.string(), givesValueOrFault(parseLosetup)));
    fc.assert(fc.property(fc.json(), givesValueOrFault(parseLosetup)));
  });
});
