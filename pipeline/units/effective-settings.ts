import type { PlacedSetting } from './unit.ts';

/**
 * The values of a list setting such as `ExecStart=`: an empty one takes back those before it. Sections in whatever case:
 * `[SysExt]` of sysext.conf was written in several.
 */
export function listValues(
  settings: readonly PlacedSetting[],
  section: string,
  name: string,
): readonly PlacedSetting[] {
  const values: PlacedSetting[] = [];
  for (const setting of settings) {
    if (setting.section.toLowerCase() !== section.toLowerCase() || setting.name !== name) continue;
    if (setting.value === '') values.length = 0;
    else values.push(setting);
  }
  return values;
}

/** How values of one name come together (systemd.unit(5), systemd.exec(5), systemd.service(5)). */
type Manner = 'list' | 'last' | 'dependency' | 'condition';

/**
 * The settings that decide what a unit runs, where and after what. A dependency cannot be taken back. An empty condition
 * takes back all conditions, of whatever name.
 */
const manners: readonly (readonly [section: 'Unit' | 'Service', name: RegExp, manner: Manner])[] = [
  ['Unit', /^(?:Requires|Requisite|BindsTo|PartOf|Upholds|Conflicts|After|Before)$/, 'dependency'],
  ['Unit', /^(?:Condition|Assert)[A-Z][A-Za-z]*$/, 'condition'],
  ['Service', /^Exec(?:Condition|StartPre|Start|StartPost|Reload|Stop|StopPost)$/, 'list'],
  ['Service', /^(?:Environment|EnvironmentFile|PassEnvironment|UnsetEnvironment|ExecSearchPath)$/, 'list'],
  [
    'Service',
    /^(?:BindPaths|BindReadOnlyPaths|MountImages|ExtensionImages|ExtensionDirectories|TemporaryFileSystem)$/,
    'list',
  ],
  ['Service', /^(?:RootDirectory|RootImage|RootEphemeral|User|DynamicUser|Type|SuccessExitStatus)$/, 'last'],
];

/** What of a unit's settings counts in the end, in the order of its files. */
export function listEffective(settings: readonly PlacedSetting[]): readonly PlacedSetting[] {
  let kept: PlacedSetting[] = [];
  for (const setting of settings) {
    const manner = mannerOf(setting);
    if (manner === undefined) continue;
    if (manner === 'last' || (manner === 'list' && setting.value === ''))
      kept = kept.filter((one) => one.name !== setting.name || one.section !== setting.section);
    if (manner === 'condition' && setting.value === '') {
      const group = setting.name.startsWith('Assert') ? 'Assert' : 'Condition';
      kept = kept.filter((one) => mannerOf(one) !== 'condition' || !one.name.startsWith(group));
    }
    if (setting.value !== '') kept.push(setting);
  }
  return kept;
}

function mannerOf({ section, name }: PlacedSetting): Manner | undefined {
  return manners.find(([one, pattern]) => one === section && pattern.test(name))?.[2];
}
