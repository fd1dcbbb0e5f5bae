/**
 * Where everything of nodeproof lies on a node. Extensions overlay /usr and /opt, configuration extensions /etc: none of
 * these can hold the judge.
 */
export const home = '/var/lib/nodeproof';

export const places = {
  program: `${home}/bin/nodeproof`,
  policy: `${home}/policy.yaml`,
  trustPack: `${home}/trust-pack.json`,
  /** What was accepted before. */
  state: `${home}/state.json`,
} as const;

export const unitDirectory = '/etc/systemd/system';
