// The project brings its own Node through npm: a test run on any other would prove nothing about what ships.
const [major] = process.versions.node.split('.').map(Number);
if (major !== 24)
  throw new Error(`Cannot run the tests on Node ${process.versions.node}: want 24, run them through npm`);
