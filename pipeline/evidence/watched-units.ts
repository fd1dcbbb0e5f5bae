import { mergingUnits, ownUnits, places } from '../installation/index.ts';

/** What a unit waits for where the verifier is installed: a drop-in of ours over the one requires the other. */
export const gatedUnits: Readonly<Record<string, string>> = {
  'kubeadm.service': 'nodeproof-join.service',
  'containerd.service': 'nodeproof-verify.service',
  'kubelet.service': 'nodeproof-verify.service',
  ...Object.fromEntries(mergingUnits.map((unit) => [unit, 'nodeproof-guard.service'])),
};

/** What makes a machine a node: the units, and the program that each runs. */
export const workloads: Readonly<Record<string, string>> = {
  'kubeadm.service': 'kubeadm',
  'kubelet.service': 'kubelet',
  'containerd.service': 'containerd',
};

export const watchedUnits: readonly string[] = [
  ...new Set([...ownUnits, ...Object.keys(gatedUnits), ...Object.keys(workloads)]),
].toSorted();

/** Where the verifier's program lies: no extension can cover it. */
export const verifierProgram = places.program;
