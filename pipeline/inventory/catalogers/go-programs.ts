import { type GoBuildInfo, type GoModule, isGoProgram, readGoBuildInfo } from '../../formats/go-buildinfo/index.ts';
import type { CatalogedFile, ElfCataloger } from '../cataloger.ts';
import { buildComponent, type Component, type Evidence } from '../component.ts';
import { golangPurl } from '../purl.ts';

/** Go programs, with every module that was compiled in and the standard library, from what the linker left in the file. */
export const goPrograms: ElfCataloger = {
  looksAt: 'ELF files',
  name: 'go-programs',
  catalog(elf, source, file) {
    const build = readGoBuildInfo(source, elf);
    if (build !== undefined) return programWithModules(build, file);
    return isGoProgram(elf) ? [programWithoutModules(file)] : [];
  },
};

function programWithModules(build: GoBuildInfo, file: CatalogedFile): readonly Component[] {
  const evidence: readonly Evidence[] = [{ path: file.path, technique: 'binary-analysis' }];
  const libraries = [
    standardLibrary(build.goVersion, evidence),
    ...build.dependencies.map((module) => library(module, evidence)),
  ];
  const path = build.path ?? build.main?.path ?? null;
  const { version, from } = versionOf(build);
  // A program has its main module's sum only where that module was fetched: a checkout has none.
  const facts = new Map([
    ['nodeproof:golang:main-module', build.main?.path],
    ['nodeproof:golang:h1', build.main?.sum],
    ['nodeproof:golang:version-from', version === null ? null : from],
    ['nodeproof:golang:modules', build.main === null && build.dependencies.length === 0 ? 'unknown' : 'listed'],
    ...buildSettings.map((key) => [`nodeproof:golang:build:${key}`, build.settings.get(key)] as const),
  ]);
  return [
    buildComponent({
      kind: 'program',
      key: programKey(file),
      name: path ?? baseName(file.path),
      version,
      purl: build.main === null ? null : golangPurl(build.main.path, version, path),
      digest: file.sha256,
      properties: present(facts),
      evidence,
      contains: [...new Set(libraries.map(({ key }) => key))].sort(),
    }),
    ...libraries,
  ];
}

/** Linked by Go, stripped of what says from what. */
function programWithoutModules(file: CatalogedFile): Component {
  return buildComponent({
    kind: 'program',
    key: programKey(file),
    name: baseName(file.path),
    digest: file.sha256,
    properties: new Map([['nodeproof:golang:modules', 'unknown']]),
    evidence: [{ path: file.path, technique: 'binary-analysis' }],
  });
}

/** Settings that tell how and from which commit a program was built. */
const buildSettings = ['GOARCH', 'CGO_ENABLED', 'vcs.revision', 'vcs.time', 'vcs.modified'] as const;

function programKey(file: CatalogedFile): string {
  return `program:${file.sha256.hex}`;
}

function standardLibrary(goVersion: string, evidence: readonly Evidence[]): Component {
  // `go1.26.8 X:boringcrypto`, `devel go1.27-abcdef Mon …`: the word that is the version.
  const word = goVersion.split(' ').find((part) => part.startsWith('go1')) ?? goVersion;
  const version = word.replace(/^go/, '');
  return buildComponent({
    kind: 'library',
    key: `golang:stdlib@${goVersion}`,
    name: 'stdlib',
    version,
    purl: golangPurl('stdlib', version),
    cpe: /^[\d.]+(?:rc\d+|beta\d+)?$/.test(version) ? `cpe:2.3:a:golang:go:${version}:-:*:*:*:*:*:*` : null,
    properties: word === goVersion ? new Map() : new Map([['nodeproof:golang:toolchain', goVersion]]),
    evidence,
  });
}

/**
 * A module as it was compiled: a replacement takes the place of what it replaces. A directory that replaces a module has
 * no version of its own, so the module keeps its name and the replacement is told.
 */
function library(module: GoModule, evidence: readonly Evidence[]): Component {
  const { replacement } = module;
  const local = replacement !== null && /^(?:\.{0,2}\/|\.{1,2}$)/.test(replacement.path);
  const built = replacement === null || local ? module : replacement;
  const sum = replacement === null ? module.sum : replacement.sum;
  const version = built.version === '' || built.version === '(devel)' ? null : built.version;
  const replaces = replacement !== null && !local ? `${module.path}@${module.version}` : null;
  // One version with two sums is two different contents: both are listed.
  const identity = [`${built.path}@${built.version}`, sum, replaces, local ? replacement.path : null];
  return buildComponent({
    kind: 'library',
    key: `golang:${identity.filter((part) => part !== null).join('|')}`,
    name: built.path,
    version,
    purl: golangPurl(built.path, version),
    properties: present(
      new Map([
        ['nodeproof:golang:h1', sum],
        ['nodeproof:golang:replaces', replaces],
        ['nodeproof:golang:replaced-by', local ? replacement.path : null],
      ]),
    ),
    evidence,
  });
}

/**
 * The program's version: its main module's; else, for a build from a checkout, what the build wrote into a variable
 * named like a version (`-X k8s.io/component-base/version.gitVersion=v1.34.2`), which is the builder's word only.
 */
function versionOf({ main, settings }: GoBuildInfo): { readonly version: string | null; readonly from: string } {
  if (main !== null && main.version !== '' && main.version !== '(devel)')
    return { version: main.version, from: 'module' };
  const flags = (settings.get('-ldflags') ?? '').slice(0, 64 * 1024).split(/[\s'"]+/);
  const assignment = flags
    .map((flag) => /^[^=]{1,300}[vV]ersion=(v?\d[\w.+~-]{0,100})$/.exec(flag)?.[1])
    .find((version) => version !== undefined);
  return { version: assignment ?? null, from: 'linker flags' };
}

function present(facts: ReadonlyMap<string, string | null | undefined>): ReadonlyMap<string, string> {
  return new Map([...facts].flatMap(([name, value]) => (value ? [[name, value] as const] : [])));
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
