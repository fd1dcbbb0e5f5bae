import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../pipeline/core/index.ts';
import { writeDirectoryAtomically } from '../../../pipeline/edge/files/index.ts';
import { makeTemporaryFolder } from './temporary-folder.ts';

const folder = makeTemporaryFolder();

function makeParent(name: string): string {
  const parent = join(folder, name);
  mkdirSync(parent);
  return parent;
}

const writeTwoFiles = (directory: string) => {
  writeFileSync(join(directory, 'a'), 'A');
  mkdirSync(join(directory, 'sub'));
  writeFileSync(join(directory, 'sub', 'b'), 'B');
};

const refusal = (code: string): unknown => expect.objectContaining({ name: 'Fault', code });

describe('an output directory', () => {
  it('appears whole, readable by all, with nothing beside it', async () => {
    const parent = makeParent('whole');
    await writeDirectoryAtomically(join(parent, 'out'), writeTwoFiles);
    expect(readdirSync(parent)).toEqual(['out']);
    expect(readFileSync(join(parent, 'out', 'sub', 'b'), 'utf8')).toBe('B');
    expect(statSync(join(parent, 'out')).mode & 0o777).toBe(0o755);
  });

  it('may have a parent behind a symbolic link', async () => {
    const parent = makeParent('behind');
    symlinkSync('behind', join(folder, 'link'));
    await writeDirectoryAtomically(join(folder, 'link', 'out'), writeTwoFiles);
    expect(readdirSync(parent)).toEqual(['out']);
    expect(readFileSync(join(parent, 'out', 'a'), 'utf8')).toBe('A');
  });

  it('is private and under another name while it is written', async () => {
    const parent = makeParent('private');
    await writeDirectoryAtomically(join(parent, 'out'), async (directory) => {
      await Promise.resolve();
      expect(statSync(directory).mode & 0o777).toBe(0o700);
      expect(readdirSync(parent)).toHaveLength(1);
      expect(readdirSync(parent)).not.toContain('out');
    });
  });

  it('may replace an empty directory, with or without a slash at its end', async () => {
    const parent = makeParent('empty');
    mkdirSync(join(parent, 'out'));
    await writeDirectoryAtomically(`${join(parent, 'out')}/`, writeTwoFiles);
    expect(readdirSync(join(parent, 'out'))).toEqual(['a', 'sub']);
  });

  it('leaves nothing behind when writing fails', async () => {
    const parent = makeParent('failing');
    const failing = writeDirectoryAtomically(join(parent, 'out'), (directory) => {
      writeTwoFiles(directory);
      throw new Fault('usage.example', 'Cannot go on');
    });
    await expect(failing).rejects.toEqual(refusal('usage.example'));
    expect(readdirSync(parent)).toEqual([]);
  });

  it('says so, as a fault, when the operating system refuses a write', async () => {
    const parent = makeParent('refusing');
    const refused = writeDirectoryAtomically(join(parent, 'out'), (directory) => {
      writeFileSync(join(directory, 'no-such-folder', 'file'), '');
    });
    await expect(refused).rejects.toMatchObject({ code: 'file.write', message: expect.stringContaining('ENOENT') });
    expect(readdirSync(parent)).toEqual([]);
    await expect(writeDirectoryAtomically('/proc/out', writeTwoFiles)).rejects.toEqual(refusal('file.write'));
    await expect(writeDirectoryAtomically('a\0b', writeTwoFiles)).rejects.toBeInstanceOf(Fault);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const parent = makeParent('interrupted');
    const door = new URL('../../../pipeline/edge/files/index.ts', import.meta.url).href;
    const program = `const { writeDirectoryAtomically } = await import(${JSON.stringify(door)});
      await writeDirectoryAtomically(process.argv[1], () => { console.log('writing'); return new Promise((r) => setTimeout(r, 60_000)); });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, join(parent, 'out')]);
    await once(child.stdout, 'data');
    expect(readdirSync(parent)).toHaveLength(1);
    child.kill('SIGTERM');
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(signal).toBe('SIGTERM');
    expect(readdirSync(parent)).toEqual([]);
  });

  it('is refused, before anything is written, where a directory with content stands', async () => {
    const parent = makeParent('occupied');
    mkdirSync(join(parent, 'out'));
    writeFileSync(join(parent, 'out', 'precious'), 'x');
    const write = () => {
      throw new Error('written');
    };
    await expect(writeDirectoryAtomically(join(parent, 'out'), write)).rejects.toEqual(refusal('usage.output'));
    await expect(writeDirectoryAtomically(join(parent, 'out'), write)).rejects.toThrow('precious');
    expect(readdirSync(parent)).toEqual(['out']);
  });

  it('is refused where a file or a symbolic link stands, even a link to an empty directory', async () => {
    const parent = makeParent('links');
    writeFileSync(join(parent, 'file'), 'x');
    mkdirSync(join(parent, 'empty'));
    symlinkSync('empty', join(parent, 'link'));
    symlinkSync('nowhere', join(parent, 'dangling'));
    for (const name of ['file', 'link', 'dangling'])
      await expect(writeDirectoryAtomically(join(parent, name), writeTwoFiles)).rejects.toEqual(
        refusal('usage.output'),
      );
    expect(readdirSync(join(parent, 'empty'))).toEqual([]);
  });

  it('does not overwrite what was put at its place meanwhile', async () => {
    const parent = makeParent('race');
    const racing = writeDirectoryAtomically(join(parent, 'out'), () => {
      mkdirSync(join(parent, 'out'));
      writeFileSync(join(parent, 'out', 'theirs'), 'x');
    });
    await expect(racing).rejects.toEqual(refusal('usage.output'));
    expect(readdirSync(parent)).toEqual(['out']);
    expect(readdirSync(join(parent, 'out'))).toEqual(['theirs']);
  });

  it('is refused where its parent does not exist', async () => {
    await expect(writeDirectoryAtomically(join(folder, 'no', 'out'), writeTwoFiles)).rejects.toEqual(
      refusal('file.missing'),
    );
  });
});
