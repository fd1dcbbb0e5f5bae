const [major = 0] = process.versions.node.split('.').map(Number);

if (major >= 24) await run();
else refuseNode();

/** The only place of the Action that reads the process. */
async function run(): Promise<void> {
  const { runAction } = await import('./program.ts');
  process.exitCode = await runAction({
    directory: process.env['GITHUB_WORKSPACE'] ?? process.cwd(),
    environment: process.env,
    now: () => new Date(),
    write: (text) => void process.stdout.write(text),
  });
}

function refuseNode(): void {
  process.stdout.write(
    `::error title=nodeproof usage.node::Cannot run on Node ${process.versions.node}: want 24%0Anext: Update the runner to 2.334 or newer\n`,
  );
  process.exitCode = 2;
}
