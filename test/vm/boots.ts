import { places } from '../../pipeline/installation/index.ts';
import type { BootOptions, Machine } from './machine.ts';
import { kubernetes, lies, settle, swap, tell, untilLookedAt, withJoin } from './node-steps.ts';

/** A start of the installed node, after something was done to its disk. */
export type Start = BootOptions & { readonly edit?: string };

const atBoot = {
  settle,
  tell,
  guard: 'journalctl --boot --no-pager --output=cat --unit=nodeproof-guard.service',
  cycles: 'journalctl --boot --no-pager --output=cat | grep -i "ordering cycle"',
};

const steer = `printf 'require("fs").writeFileSync("/var/lib/steered","");process.exit(0)' >"$ROOT/root/steer.js"`;

/** As newer systems do it: the extensions are merged before the real root has its first process. */
const mergeInInitrd = `cat >"$ROOT/var/lib/initrd-merge" <<'END'
#!/bin/sh
/usr/lib/systemd/systemd-udevd --daemon
udevadm trigger && udevadm settle
systemd-sysext merge
udevadm control --exit
END
chmod 0755 "$ROOT/var/lib/initrd-merge"`;

const nodeproof = places.program;

/** Once the lies are told: what an operator does to the installation. */
const lifeOfAnInstallation = {
  'install again': `${nodeproof} node install`,
  enforce: `${nodeproof} node install --enforce >/dev/null
${untilLookedAt}
systemctl start kubelet.service && systemctl is-active kubelet.service
mount --bind /usr/bin/true /usr/bin/kubelet
systemctl start nodeproof-check.service 2>/dev/null || echo "check refused"
sleep 3
systemctl is-active kubelet.service
umount /usr/bin/kubelet`,
  'stop by hand': 'systemctl stop nodeproof-guard.service || echo refused',
  uninstall: `${nodeproof} node install --uninstall >/dev/null && echo done
find / -xdev -name '*nodeproof*' -not -path '/root/*' -not -path '/proc/*' -not -path '/tmp/*' -not -path '/var/log/*'
systemctl list-units --all --no-legend 'nodeproof*'
systemctl --failed --no-legend`,
};

const verifyNextBoot = `${nodeproof} node verify --next-boot --policy ${places.policy} --trust-pack ${places.trustPack}; echo "exit $?"`;

export const starts = {
  honest: {
    steps: {
      ...atBoot,
      'next boot': verifyNextBoot,
      ...Object.fromEntries(lies.map(({ name, lie, undo }) => [name, `${withJoin(lie)}\n${undo}`])),
      'rid of them': withJoin(''),
      [swap.name]: withJoin(swap.lie),
      steered: '[ ! -e /var/lib/steered ] || echo steered',
      ...lifeOfAnInstallation,
    },
  },
  strangers: {
    edit: `mkdir -p "$ROOT/var/lib/extensions" "$ROOT/etc/extensions/loose/usr/lib/extension-release.d"
cp "$M/stranger.raw" "$M/shadow.raw" "$ROOT/var/lib/extensions/"
cp "$M/hollow.raw" "$ROOT/etc/extensions/"
echo ID=_any >"$ROOT/etc/extensions/loose/usr/lib/extension-release.d/extension-release.loose"`,
    steps: { ...atBoot, programs: 'ls -d /opt/bin /usr/bin/stranger 2>/dev/null' },
  },
  swapped: { edit: `cp "$M/kubernetes-rebuilt.raw" "$ROOT${kubernetes}"`, steps: atBoot },
  masked: { edit: 'ln -sf /dev/null "$ROOT/etc/extensions/kubernetes.raw"', steps: atBoot },
  'without a guard': { edit: 'ln -sf /dev/null "$ROOT/etc/systemd/system/nodeproof-guard.service"', steps: atBoot },
  'told its usr hash twice': {
    append: ({ usrHash }: Machine) => `verity.usrhash=${'0'.repeat(64)} verity.usrhash=${usrHash}`,
    steps: atBoot,
  },
  'of another build': {
    edit: 'dd if="$M/other-usr.img" of="$DISK" bs=1M oflag=seek_bytes seek="$(($(cat "$M/partition-3.sector") * 512))" conv=notrunc status=none',
    usrHash: ({ otherUsrHash }: Machine) => otherUsrHash,
    steps: atBoot,
  },
  /** The other build, as an update leaves it: in the slot that is not running, whose turn is next. */
  'with another build staged': {
    edit: `dd if="$M/other-usr.img" of="$DISK" bs=512 seek="$(cat "$M/partition-4.sector")" conv=notrunc,sparse status=none
mcopy -i "$DISK@@$(($(cat "$M/partition-1.sector") * 512))" "$M/other-vmlinuz" ::/flatcar/vmlinuz-b
sgdisk --attributes=4:set:49 --attributes=4:set:52 "$DISK"`,
    steps: {
      ...atBoot,
      'next boot': verifyNextBoot,
      'told by itself': `touch /run/update_engine_autoupdate_completed
for attempt in $(seq 60); do systemctl is-failed --quiet nodeproof-next-boot.service && break; sleep 1; done
journalctl --boot --no-pager --output=cat --unit=nodeproof-next-boot.service`,
    },
  },
  steered: {
    edit: steer,
    append: () => 'systemd.setenv=BUN_OPTIONS=--preload=/root/steer.js',
    steps: { ...atBoot, steered: '[ ! -e /var/lib/steered ] || echo steered' },
  },
  'merged in the initrd': { edit: mergeInInitrd, steps: atBoot },
  'merged in the initrd with a stranger': {
    edit: `${mergeInInitrd}\nmkdir -p "$ROOT/var/lib/extensions" && cp "$M/stranger.raw" "$ROOT/var/lib/extensions/"`,
    steps: atBoot,
  },
} as const satisfies Readonly<Record<string, Start>>;
