import { configureGlobal } from 'fast-check';

// The project brings its own Node through npm: a test run on any other would prove nothing about what ships.
const [major] = process.versions.node.split('.').map(Number);
if (major !== 24)
  throw new Error(`Cannot run the tests on Node ${process.versions.node}: want 24, run them through npm`);

// A gate must give the same answer twice: properties are tried on the same values. FC_SEED=random tries others.
const seed = process.env['FC_SEED'];
if (seed !== 'random') configureGlobal({ seed: Number(seed ?? 1) });
