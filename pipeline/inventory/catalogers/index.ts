import type { Cataloger, ElfCataloger, PathCataloger, WholeFileCataloger } from '../cataloger.ts';
import { flatcarLicenses } from './flatcar-licenses.ts';
import { flatcarSlsa } from './flatcar-slsa.ts';
import { goPrograms } from './go-programs.ts';
import { kernels } from './kernels.ts';
import { operatingSystem } from './operating-system.ts';
import { sysexts } from './sysexts.ts';

/** All catalogers. A new one is a file beside this one, and a row here. */
export const catalogers = [
  operatingSystem,
  kernels,
  sysexts,
  goPrograms,
  flatcarSlsa,
  flatcarLicenses,
] as const satisfies readonly Cataloger[];

const all: readonly Cataloger[] = catalogers;

export const wholeFileCatalogers = all.filter((one): one is WholeFileCataloger => one.looksAt === 'whole files');
export const elfCatalogers = all.filter((one): one is ElfCataloger => one.looksAt === 'ELF files');
export const pathCatalogers = all.filter((one): one is PathCataloger => one.looksAt === 'paths');
