import { splitCommand } from '../formats/systemd-unit/index.ts';
import { dropInName, type InstallationSettings, listInstallation } from './installation.ts';
import { unitDirectory } from './places.ts';
import { listDropIns, listUnits } from './units.ts';

const anyStore = 'oci:any';

/** Units that `node install` writes whatever its settings are. */
export const requiredUnits = namesOf({ strict: false, enforce: false, stores: [] });

/** And those that it writes where stores are named. */
export const ownUnits = namesOf({ strict: false, enforce: false, stores: [anyStore] });

function namesOf(settings: InstallationSettings): readonly string[] {
  return listUnits(settings).map(({ name }) => name);
}

/**
 * Whether that is, to the byte, a unit file that `node install` writes: for one of its settings, and for the stores that the
 * file itself names. One line more is enough to disarm a unit, whatever its command is.
 */
export function isOwnUnit(name: string, text: string): boolean {
  const named = storesNamed(text);
  const stores = named.length === 0 ? [anyStore] : named;
  const settings = [true, false].flatMap((strict) => [true, false].map((enforce) => ({ strict, enforce, stores })));
  return settings.some((one) => listUnits(one).some((unit) => unit.name === name && unit.content === text));
}

/** To systemd a control character may end the line: what stands behind it would be a setting, and never is a store. */
function storesNamed(text: string): readonly string[] {
  const command = text.split('\n').find((line) => line.startsWith('ExecStart=')) ?? '';
  const words = splitCommand(command);
  const stores = words.filter((_, at) => words[at - 1] === '--from');
  if (stores.some((store) => /\p{Cc}/u.test(store))) return [];
  return stores.map((store) => store.replaceAll('%%', '%').replaceAll('$$', '$'));
}

/** Links by which targets start a unit of ours. */
export function startingLinks(name: string): readonly string[] {
  return ownLinks.filter(({ target }) => target === `${unitDirectory}/${name}`).map(({ path }) => path);
}

const ownLinks = listInstallation({ strict: false, enforce: false, stores: [anyStore] }).links;

/** Where our drop-in over a unit of others lies. */
export function dropInPath(unit: string): string {
  return `${unitDirectory}/${unit}.d/${dropInName}`;
}

/** Whether that is, to the byte, the drop-in that `node install` writes over a unit. */
export function isOwnDropIn(unit: string, text: string): boolean {
  return listDropIns().some((dropIn) => dropIn.unit === unit && dropIn.content === text);
}
