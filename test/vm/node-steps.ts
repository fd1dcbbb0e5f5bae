import { places } from '../../pipeline/installation/index.ts';

/** Where an extension lies that Ignition would have put there, and its link. */
export const kubernetes = '/opt/extensions/kubernetes/kubernetes-v1.34.2-x86-64.raw';

/** Waits until systemd has no jobs but that of the case itself, and those that are asked for again and again. */
export const settle = `
for attempt in $(seq 60); do
  jobs=$(systemctl list-jobs --no-legend | grep -vE ' (case|kubelet|nodeproof-verify)\\.service ' | grep -c ' start ')
  [ "$jobs" -gt 0 ] || break
  sleep 1
done`;

/** What kubeadm, kubelet and containerd of the machine leave behind where they were run: see make-machine.sh. */
export const forgetRuns = 'rm -f "$ROOT"/var/lib/{kubeadm,kubelet,containerd}-ran';

/** What ran since the machine was started, what is merged, and the verdict on record. */
export const tell = `
for name in kubeadm kubelet containerd; do [ ! -f /var/lib/$name-ran ] || echo "ran: $name"; done
systemd-sysext status --json=short | sed 's/^/merged: /'
echo "verdict: $(tr -d '\\n' </run/nodeproof/verdict.json)"`;

/** Until the look that a change sets off is over: its verdict goes on the same record. */
export const untilLookedAt = `
sleep 1
for attempt in $(seq 60); do [ "$(systemctl is-active nodeproof-check.service)" = activating ] || break; sleep 1; done`;

/** Starts kubeadm as an operator would, after some steps, and tells what came of it. */
export const withJoin = (steps: string): string => `${steps}
${untilLookedAt}
rm -f /var/lib/kubeadm-ran
systemctl reset-failed
systemctl start kubeadm.service && echo started
for attempt in $(seq 30); do [ "$(systemctl is-active kubeadm.service)" = active ] || break; sleep 1; done
${tell}`;

export type Outcome = {
  readonly ran: readonly string[];
  readonly merged: readonly string[];
  readonly status: string;
  /** What was found, by its code; of a run that came to no verdict the code of its fault. */
  readonly codes: readonly string[];
};

type VerdictOnRecord = {
  readonly status: string;
  readonly error?: { readonly code: string };
  readonly verdict?: { readonly findings: readonly { readonly code: string }[] };
};

/** What `tell` told. */
export function readOutcome(said: string | undefined): Outcome {
  if (said === undefined) throw new TypeError('The machine did not come to this step');
  const told = (word: string) =>
    said
      .split('\n')
      .filter((line) => line.startsWith(`${word}: `))
      .map((line) => line.slice(word.length + 2));
  const [merged = '[]'] = told('merged');
  const [verdict = ''] = told('verdict');
  const record = (verdict === '' ? { status: 'none' } : JSON.parse(verdict)) as VerdictOnRecord;
  const codes =
    record.error === undefined ? (record.verdict?.findings ?? []).map(({ code }) => code) : [record.error.code];
  const hierarchies = JSON.parse(merged) as readonly { readonly extensions: readonly string[] | 'none' }[];
  return {
    ran: told('ran'),
    merged: [...new Set(hierarchies.flatMap(({ extensions }) => (extensions === 'none' ? [] : extensions)))].toSorted(),
    status: record.status,
    codes: [...new Set(codes)].toSorted(),
  };
}

/** A lie that is told while the node runs, and what takes it back. */
export type Lie = {
  readonly name: string;
  readonly lie: string;
  readonly undo: string;
  readonly codes: readonly string[];
};

const merge = 'systemctl restart systemd-sysext.service';
const mergeByHand = 'systemd-sysext refresh >/dev/null 2>&1; systemctl daemon-reload';

export const lies: readonly Lie[] = [
  {
    name: 'an extension that lies there for the next merge',
    lie: 'mkdir -p /var/lib/extensions; cp /root/stranger.raw /var/lib/extensions/',
    undo: 'rm /var/lib/extensions/stranger.raw',
    codes: ['extension.not-merged'],
  },
  {
    name: 'an extension that was merged by hand',
    lie: `mkdir -p /run/extensions; cp /root/stranger.raw /run/extensions/; ${mergeByHand}`,
    undo: `rm /run/extensions/stranger.raw; ${merge}`,
    codes: ['attestation.none', 'node-set.none', 'sysext.extra'],
  },
  {
    name: 'a directory that was merged by hand',
    lie: `mkdir -p /run/extensions/loose/usr/lib/extension-release.d /run/extensions/loose/usr/bin; echo ID=_any >/run/extensions/loose/usr/lib/extension-release.d/extension-release.loose; ${mergeByHand}`,
    undo: `rm -r /run/extensions/loose; ${merge}`,
    codes: ['extension.directory'],
  },
  {
    name: 'a merge that can be written to',
    lie: 'mkdir -p /var/lib/extensions.mutable/usr; systemd-sysext refresh --mutable=yes >/dev/null 2>&1; systemctl daemon-reload',
    undo: `systemd-sysext unmerge >/dev/null 2>&1; rm -r /var/lib/extensions.mutable; ${merge}`,
    codes: ['extension.mutable'],
  },
  {
    name: 'an os-release that an extension shadows',
    lie: `mkdir -p /run/extensions; cp /root/shadow.raw /run/extensions/; systemd-sysext refresh --force >/dev/null 2>&1; systemctl daemon-reload; grep VERSION_ID /usr/lib/os-release`,
    undo: `rm /run/extensions/shadow.raw; ${merge}`,
    codes: ['attestation.none', 'extension.forbidden-path', 'node-set.none', 'sysext.extra'],
  },
  {
    name: 'a bind mount over kubelet',
    lie: 'mount --bind /usr/bin/true /usr/bin/kubelet',
    undo: 'umount /usr/bin/kubelet',
    codes: ['usr.mounted-over'],
  },
  {
    name: 'an expired policy',
    lie: `cp -a ${places.policy} /root/kept.yaml; cp /root/expired.yaml ${places.policy}`,
    undo: `mv /root/kept.yaml ${places.policy}`,
    codes: ['policy.expired'],
  },
  {
    name: 'the trust pack of another signer',
    lie: `cp -a ${places.trustPack} /root/kept.json; cp /root/stranger.trust-pack.json ${places.trustPack}`,
    undo: `mv /root/kept.json ${places.trustPack}`,
    codes: ['anchor.missing', 'node-set.none', 'signature.no-key'],
  },
  {
    name: 'a drop-in that empties ExecStartPre=',
    lie: "printf '[Service]\\nExecStartPre=\\n' >/etc/systemd/system/kubeadm.service.d/99-hollow.conf; systemctl daemon-reload",
    undo: 'rm /etc/systemd/system/kubeadm.service.d/99-hollow.conf; systemctl daemon-reload',
    codes: ['unit.gate-undone'],
  },
  {
    name: 'an extension with /opt/bin/nodeproof and a drop-in for kubeadm, merged by hand',
    lie: `mkdir -p /run/extensions; cp /root/hollow.raw /run/extensions/; ${mergeByHand}`,
    undo: `rm /run/extensions/hollow.raw; ${merge}; systemctl daemon-reload`,
    codes: ['attestation.none', 'extension.forbidden-path', 'node-set.none', 'sysext.extra', 'unit.gate-undone'],
  },
  {
    name: 'a guard that is masked',
    lie: 'mv /etc/systemd/system/nodeproof-guard.service /root/; ln -s /dev/null /etc/systemd/system/nodeproof-guard.service; systemctl daemon-reload',
    undo: 'rm /etc/systemd/system/nodeproof-guard.service; mv /root/nodeproof-guard.service /etc/systemd/system/; systemctl daemon-reload',
    codes: ['unit.masked'],
  },
  {
    name: 'a bind mount that the environment of all services is to hide',
    lie: `mount --bind /usr/bin/true /usr/bin/kubelet; printf 'require("fs").writeFileSync("/var/lib/steered", "");process.exit(0)' >/root/steer.js; systemctl set-environment BUN_OPTIONS=--preload=/root/steer.js`,
    undo: 'umount /usr/bin/kubelet; systemctl unset-environment BUN_OPTIONS',
    codes: ['usr.mounted-over'],
  },
];

/** This one ends with the next boot: whatever was started meanwhile keeps the mount that it was started from. */
export const swap: Omit<Lie, 'undo'> = {
  name: 'a sysext file that was swapped after the merge',
  lie: `cp /root/kubernetes-rebuilt.raw /opt/extensions/new.raw; mv /opt/extensions/new.raw ${kubernetes}`,
  codes: ['attestation.none', 'extension.swapped', 'node-set.none', 'sysext.digest'],
};
