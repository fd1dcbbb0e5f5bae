import { type InstallationSettings, listInstallation } from '../../pipeline/installation/index.ts';
import { type MadeNode, stableNode } from './made-node.ts';

export const etc = '/etc/systemd/system';

/** As Flatcar's documentation has it, with a token that must not get into evidence. */
export const token = 'abcdef.0123456789abcdef';
const kubeadmUnit = `[Unit]
Description=Kubeadm service
Requires=containerd.service
After=containerd.service
After=network-online.target
ConditionPathExists=!/etc/kubernetes/kubelet.conf
[Service]
ExecStart=/usr/bin/kubeadm join 192.0.2.1:6443 --token ${token} --certificate-key 0011223344 --discovery-token-ca-cert-hash sha256:${'ab'.repeat(32)}
[Install]
WantedBy=multi-user.target
`;

/** What the bakery's extension ships. */
const kubeletUnit = `[Unit]
Description=kubelet: The Kubernetes Node Agent
Wants=network-online.target
After=network-online.target
[Service]
ExecStartPre=/usr/bin/mkdir --parents /opt/cni/bin
ExecStartPre=/usr/bin/cp --archive /usr/local/bin/cni/. /opt/cni/bin
ExecStart=/usr/bin/kubelet
Restart=always
`;
const kubeletDropIn = `[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_KUBEADM_ARGS
`;

/** A node of Flatcar with the documented kubeadm.service, before anything of ours is installed. */
export const stockNode: MadeNode = {
  ...stableNode,
  [`${etc}/kubeadm.service`]: kubeadmUnit,
  [`${etc}/containerd.service.d/10-config.conf`]:
    '[Service]\nEnvironment=CONTAINERD_CONFIG=/etc/containerd/config.toml\nExecStart=\nExecStart=/usr/bin/containerd --config ${CONTAINERD_CONFIG}\n',
  '/usr/lib/systemd/system/containerd.service':
    '[Service]\nDelegate=yes\nExecStartPre=-/sbin/modprobe overlay\nExecStart=/usr/bin/containerd\n',
  '/usr/lib/systemd/system/kubelet.service': kubeletUnit,
  '/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf': kubeletDropIn,
  '/usr/lib/systemd/system/systemd-sysext.service': '[Service]\nExecStart=systemd-sysext refresh\n',
  '/usr/lib/systemd/system/service.d/10-timeout-abort.conf': '[Service]\nTimeoutStopFailureMode=abort\n',
  '/var/lib/kubelet/kubeadm-flags.env':
    'KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///run/containerd.sock"\n',
  '/usr/bin/kubelet': 'kubelet',
  '/usr/bin/kubeadm': 'kubeadm',
  '/usr/bin/containerd': 'containerd',
};

/** The same node with what `node install` writes. */
export function installedWith(settings: InstallationSettings): MadeNode {
  const { files, links } = listInstallation(settings);
  return {
    ...stockNode,
    ...Object.fromEntries(files.map(({ path, content }) => [path, content])),
    ...Object.fromEntries(links.map(({ path, target }) => [path, { link: target }])),
  };
}

export const installedNode = installedWith({ strict: false, enforce: false, stores: ['oci:registry.example/nodes'] });
