import {
  chmodSync,
  type Dirent,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { decodeUtf8, Fault, type Source } from '../../core/index.ts';
import { openFileSource, readSmallFile, replaceFile } from '../files/index.ts';
import { lookUp } from './system-call.ts';

/** What lies at a path of the root. */
export type Placed =
  | { readonly kind: 'absent' }
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'file'; readonly mode: number; readonly sizeBytes: number }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'other' };

/**
 * The root that something is installed in: of this system, or of one that is mounted somewhere. No link is followed on the
 * way to a path, so that nothing is written outside of the root.
 * Faults of each call: file.kind, file.permission, file.read, file.write.
 */
export class InstallationRoot {
  readonly #top: string;

  constructor(top: string) {
    this.#top = resolve(top);
    const stats = lookUp(this.#top, () => lstatSync(this.#top));
    if (stats?.isDirectory() !== true)
      throw new Fault(
        stats === undefined ? 'file.missing' : 'file.kind',
        `Cannot install into ${top}: want a directory`,
        {
          where: top,
        },
      );
  }

  look(path: string): Placed {
    if (!this.#reach(path)) return { kind: 'absent' };
    const place = this.#place(path);
    const stats = lookUp(place, () => lstatSync(place));
    if (stats === undefined) return { kind: 'absent' };
    const mode = stats.mode & 0o7777;
    if (stats.isDirectory()) return { kind: 'directory', mode };
    if (stats.isFile()) return { kind: 'file', mode, sizeBytes: stats.size };
    if (stats.isSymbolicLink()) return { kind: 'link', target: readlinkSync(place) };
    return { kind: 'other' };
  }

  readText(path: string, maxBytes: number): string {
    this.#reach(path);
    return decodeUtf8(readSmallFile(this.#place(path), maxBytes), path);
  }

  open(path: string): Source & Disposable {
    this.#reach(path);
    return openFileSource(this.#place(path));
  }

  /** Names in a directory, sorted; none where it is not there. */
  list(path: string): readonly string[] {
    if (this.look(path).kind !== 'directory') return [];
    const entries = lookUp(path, (): Dirent[] => readdirSync(this.#place(path), { withFileTypes: true })) ?? [];
    return entries.map(({ name }) => name).toSorted();
  }

  /** Makes the directories on the way, too: those for everybody. */
  makeDirectory(path: string, mode: number): void {
    this.#write(path, (place) => {
      mkdirSync(place, { recursive: true });
      chmodSync(place, mode);
    });
  }

  writeFile(path: string, content: Uint8Array | Source, mode: number): void {
    this.#write(path, (place) => {
      mkdirSync(dirname(place), { recursive: true, mode: 0o755 });
      replaceFile(place, content, mode);
    });
  }

  writeLink(path: string, target: string): void {
    this.#write(path, (place) => {
      mkdirSync(dirname(place), { recursive: true, mode: 0o755 });
      const beside = `${place}.${randomUUID()}.new`;
      symlinkSync(target, beside);
      renameSync(beside, place);
    });
  }

  remove(path: string): void {
    this.#write(path, (place) => rmSync(place));
  }

  removeDirectory(path: string): void {
    this.#write(path, (place) => rmdirSync(place));
  }

  #write(path: string, step: (place: string) => void): void {
    this.#reach(path);
    const place = this.#place(path);
    try {
      step(place);
    } catch (error) {
      if (error instanceof Fault) throw error;
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      const isRefused = code === 'EACCES' || code === 'EPERM';
      throw new Fault(isRefused ? 'file.permission' : 'file.write', `Cannot write ${place}: ${code}`, {
        where: place,
        cause: error,
        ...(isRefused ? { next: 'Run as root' } : code === 'EROFS' ? { next: 'Mount its file system writable' } : {}),
      });
    }
  }

  /** Whether all directories on the way are there. Fault: file.kind, where one of them is a link or no directory. */
  #reach(path: string): boolean {
    const parts = path.split('/').slice(1, -1);
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const place = join(this.#top, ...parts.slice(0, depth));
      const stats = lookUp(place, () => lstatSync(place));
      if (stats === undefined) return false;
      if (!stats.isDirectory())
        throw new Fault(
          'file.kind',
          `Cannot install ${path}: ${place} is ${stats.isSymbolicLink() ? 'a link' : 'no directory'}`,
          {
            where: place,
            next: 'Make it a directory: a link there could lead anywhere',
          },
        );
    }
    return true;
  }

  #place(path: string): string {
    return join(this.#top, path);
  }
}
