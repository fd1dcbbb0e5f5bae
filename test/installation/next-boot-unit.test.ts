import { describe, expect, it } from 'vitest';
import { listInstallation } from '../../pipeline/installation/index.ts';
import { madeSettings } from './made-fragment.ts';

const { files, links } = listInstallation(madeSettings);
const contentOf = (name: string) => files.find(({ path }) => path === `/etc/systemd/system/${name}`)?.content ?? '';
const wantedBy = (name: string) => links.map(({ path }) => path).filter((path) => path.endsWith(`.wants/${name}`));

describe('A staged update', () => {
  it('is noticed by what update_engine leaves when it has marked the slot', () => {
    const path = contentOf('nodeproof-next-boot.path');
    expect(wantedBy('nodeproof-next-boot.path')).toHaveLength(1);
    expect(path).toContain('\nPathChanged=/run/update_engine_autoupdate_completed\n');
    // The file stays until the reboot: a unit that waits for it to exist would be started again and again.
    expect(path).not.toContain('PathExists=');
  });

  it('is judged by a service that nothing waits for', () => {
    const service = contentOf('nodeproof-next-boot.service');
    expect(wantedBy('nodeproof-next-boot.service')).toEqual([]);
    expect(service).toMatch(/^ExecStart=\S+ node verify --next-boot --policy \S+ --trust-pack \S+$/m);
    expect(service).not.toMatch(/^(?:Before|RequiredBy)=/m);
  });
});
