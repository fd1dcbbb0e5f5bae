import { Fault } from '../../core/index.ts';

/** Errors that mean a path leads nowhere: a link in circles and a name that none can have among them. */
const absent: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'ELOOP',
  'ENAMETOOLONG',
  // a NUL in the path
  'ERR_INVALID_ARG_VALUE',
]);

/** Runs a step of the operating system about a path: undefined where the path leads nowhere. Faults: file.permission, file.read. */
export function lookUp<T>(path: string, step: () => T): T | undefined {
  try {
    return step();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    if (code === undefined || error instanceof Fault) throw error;
    if (absent.has(code)) return undefined;
    const isRefused = code === 'EACCES' || code === 'EPERM';
    throw new Fault(
      isRefused ? 'file.permission' : 'file.read',
      `Cannot look at ${path}: ${isRefused ? 'permission denied' : code}`,
      { where: path, cause: error, ...(isRefused ? { next: 'Run as root' } : {}) },
    );
  }
}
