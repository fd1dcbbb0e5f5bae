import type { Digest } from '../core/index.ts';
import { type Fragment, type FragmentUnit, inlineResource, remoteResource } from '../formats/ignition/index.ts';
import { type InstallationSettings, type InstalledFile, listInstallation, payload } from './installation.ts';
import { places, unitDirectory } from './places.ts';

/** What goes onto a node besides the units: two documents, and a program that is fetched. */
export type NodePayload = {
  readonly policy: Uint8Array;
  readonly trustPack: Uint8Array;
  readonly program: { readonly url: URL; readonly sha512: Digest };
};

/** All that `node install` would write, for a machine that is made by Ignition. */
export function buildFragment(settings: InstallationSettings, { policy, trustPack, program }: NodePayload): Fragment {
  const { directories, files, links } = listInstallation(settings);
  const contents = {
    [places.program]: remoteResource(program.url, program.sha512),
    [places.policy]: inlineResource(policy),
    [places.trustPack]: inlineResource(trustPack),
  };
  const loose = files.filter((file) => unitPlace(file) === null);
  return {
    directories,
    files: [
      ...payload.map(({ path, mode }) => ({ path, mode, contents: contents[path] })),
      ...loose.map(({ path, mode, content }) => ({ path, mode, contents: inlineResource(Buffer.from(content)) })),
    ],
    links,
    units: listUnits(files),
  };
}

/** Units in the order of their names, each with its drop-ins. */
function listUnits(files: readonly InstalledFile[]): readonly FragmentUnit[] {
  const placed = files.flatMap(({ content, ...file }) => {
    const place = unitPlace(file);
    return place === null ? [] : [{ ...place, content }];
  });
  const names = [...new Set(placed.map(({ unit }) => unit))].toSorted();
  return names.map((name) => {
    const own = placed.filter(({ unit }) => unit === name);
    return {
      name,
      contents: own.find(({ dropIn }) => dropIn === null)?.content ?? null,
      dropins: own.flatMap(({ dropIn, content }) => (dropIn === null ? [] : [{ name: dropIn, contents: content }])),
    };
  });
}

/** `NAME` and `NAME.d/DROP-IN.conf` below the directory of units, with the mode that Ignition gives units. */
function unitPlace({ path, mode }: Pick<InstalledFile, 'path' | 'mode'>) {
  const [, unit, dropIn] = unitPath.exec(path) ?? [];
  return unit === undefined || mode !== 0o644 ? null : { unit, dropIn: dropIn ?? null };
}

const unitPath = new RegExp(
  `^${unitDirectory}/([^/]+\\.(?:service|path|timer|target|mount|socket))(?:\\.d/([^/]+\\.conf))?$`,
);
