import type { Json } from '../core/index.ts';
import type { Component, Inventory } from '../inventory/index.ts';
import type { FileSelection } from './files.ts';

type Member = { readonly [key: string]: Json };

/**
 * What contains what. Only relations that the bytes tell: a program and the modules that were linked into it, the
 * artifact and everything that stands in no other component. A component without an entry has unknown dependencies.
 */
export function buildDependencies(artifactRef: string, components: readonly Component[]): readonly Member[] {
  const contained = new Set(components.flatMap(({ contains }) => contains));
  const direct = components.map(({ key }) => key).filter((key) => !contained.has(key));
  const containers = components.filter(({ contains }) => contains.length > 0);
  return [
    { ref: artifactRef, dependsOn: direct },
    ...containers.map(({ key, contains }) => ({ ref: key, dependsOn: [...contains] })),
  ];
}

/**
 * How complete the lists are, said of each: a rule that denies a component may only trust a complete list.
 *
 * The artifact's own list is complete only where every file is in it and every cataloger could read what it selected. A Go
 * program's list of modules is complete where no C code could come in beside it.
 */
export function buildCompositions(
  artifactRef: string,
  inventory: Inventory,
  selection: FileSelection,
): readonly Member[] {
  const { components, unread } = inventory;
  const programs = components.filter(({ kind }) => kind === 'program');
  const listed = programs.filter((program) => program.properties.get('nodeproof:golang:modules') === 'listed');
  const pure = listed.filter((program) => program.properties.get('nodeproof:golang:build:CGO_ENABLED') === '0');
  const sysexts = components.filter(({ kind }) => kind === 'sysext');
  const isWhole = selection === 'all' && unread.length === 0;
  return [
    { aggregate: isWhole ? 'complete' : 'incomplete', assemblies: [artifactRef] },
    ...composition('complete', 'dependencies', pure),
    ...composition(
      'incomplete',
      'dependencies',
      listed.filter((program) => !pure.includes(program)),
    ),
    ...composition(
      'unknown',
      'dependencies',
      programs.filter((program) => !listed.includes(program)),
    ),
    ...composition('unknown', 'assemblies', sysexts),
  ];
}

function composition(
  aggregate: string,
  of: 'assemblies' | 'dependencies',
  components: readonly Component[],
): readonly Member[] {
  return components.length === 0 ? [] : [{ aggregate, [of]: components.map(({ key }) => key) }];
}
