import { Fault, limits } from '../../core/index.ts';
import { unquoteGo } from './go-string.ts';

/** How a Go program was built: what `go version -m` prints. */
export type GoBuildInfo = {
  /** `go1.26.8`, with what a custom toolchain appends. */
  readonly goVersion: string;
} & ModuleList;

export type ModuleList = {
  /** Import path of the main package; null where the program was built without modules and says nothing. */
  readonly path: string | null;
  readonly main: GoModule | null;
  readonly dependencies: readonly GoModule[];
  /** Build settings such as `GOARCH` and `vcs.revision`; of a repeated key the last one. */
  readonly settings: ReadonlyMap<string, string>;
};

export type GoModule = {
  readonly path: string;
  /** `v1.2.3`, a pseudo-version, `(devel)`, or empty for a local directory. */
  readonly version: string;
  /** `h1:` and the base64 SHA-256 of the module's directory hash; null for vendored and local modules. */
  readonly sum: string | null;
  /** The module that was built in its place. */
  readonly replacement: GoModule | null;
};

/**
 * Parses the module list of a program as debug.ParseBuildInfo (Go, runtime/debug/mod.go) does: lines of a word, a tab
 * and columns. Lines with unknown words are skipped, as there. Faults: go-buildinfo.line, limit.go-modules.
 */
export function parseModuleList(text: string): ModuleList {
  let path: string | null = null;
  let main: GoModule | null = null;
  const dependencies: GoModule[] = [];
  const settings = new Map<string, string>();
  /** What a `=>` line replaces. */
  let last: 'main' | 'dependency' | null = null;

  let lineNumber = 0;
  for (const line of completeLines(text)) {
    lineNumber++;
    const tab = line.indexOf('\t');
    const columns = line.slice(tab + 1);
    switch (tab < 0 ? '' : line.slice(0, tab)) {
      case 'path':
        path = columns;
        break;
      case 'mod':
        main = parseModule(columns, lineNumber);
        last = 'main';
        break;
      case 'dep':
        if (dependencies.length >= limits.goModules)
          throw new Fault(
            'limit.go-modules',
            `Cannot read the module list: more than ${limits.goModules} modules`,
            placeOf(lineNumber),
          );
        dependencies.push(parseModule(columns, lineNumber));
        last = 'dependency';
        break;
      case '=>': {
        const replacement = parseReplacement(columns, lineNumber);
        const replaced: GoModule | null | undefined =
          last === 'main' ? main : last === null ? null : dependencies.at(-1);
        if (replaced === null || replaced === undefined) throw malformed(lineNumber, 'replacement of no module');
        if (last === 'main') main = { ...replaced, replacement };
        else dependencies[dependencies.length - 1] = { ...replaced, replacement };
        last = null;
        break;
      }
      case 'build': {
        const [key, value] = parseSetting(columns, lineNumber);
        settings.set(key, value);
        break;
      }
    }
  }
  return { path, main, dependencies, settings };
}

/** What stands behind the last line break is not a line. */
function completeLines(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

function parseModule(columns: string, lineNumber: number): GoModule {
  const [path, version, sum, ...rest] = columns.split('\t');
  if (path === undefined || version === undefined || rest.length > 0)
    throw malformed(lineNumber, 'want path, version and perhaps a sum');
  return { path, version, sum: sum || null, replacement: null };
}

function parseReplacement(columns: string, lineNumber: number): GoModule {
  const module = parseModule(columns, lineNumber);
  if (columns.split('\t').length !== 3) throw malformed(lineNumber, 'want path, version and sum of the replacement');
  return module;
}

/** `key=value`, each quoted as Go quotes where it holds white space or quotes. */
function parseSetting(columns: string, lineNumber: number): readonly [key: string, value: string] {
  const quoted = quotedPrefixLength(columns);
  const equals = quoted > 0 ? quoted : columns.indexOf('=');
  const rawKey = columns.slice(0, equals);
  if (equals <= 0 || columns[equals] !== '=') throw malformed(lineNumber, 'build setting without a key and =');
  const key = quoted > 0 ? unquoteGo(rawKey) : /[ \t\r"`]/.test(rawKey) ? undefined : rawKey;
  const rawValue = columns.slice(equals + 1);
  const value = /^["`]/.test(rawValue) ? unquoteGo(rawValue) : /[ \t\r"`]/.test(rawValue) ? undefined : rawValue;
  if (key === undefined || value === undefined) throw malformed(lineNumber, 'build setting is not quoted as Go quotes');
  return [key, value];
}

/** Length of the quoted text that a setting starts with; 0 where it starts with none. */
function quotedPrefixLength(text: string): number {
  const quote = text[0];
  if (quote !== '"' && quote !== '`') return 0;
  for (let at = 1; at < text.length; at++) {
    if (text[at] === '\\' && quote === '"') at++;
    else if (text[at] === quote) return at + 1;
  }
  return 0;
}

function malformed(lineNumber: number, problem: string): Fault {
  return new Fault('go-buildinfo.line', `Cannot read the module list: ${problem}`, placeOf(lineNumber));
}

function placeOf(lineNumber: number): { readonly where: string } {
  return { where: `line ${lineNumber} of the module list` };
}
