import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../../core/index.ts';
import { actBy, askState } from './command.ts';

/** Whether kubelet runs or is being started. Fault: file.command. */
export function isKubeletRunning(): boolean {
  return isActive('kubelet.service');
}

/** Where the mask of kubelet lies: the first directory in systemd's load path that a reboot empties, so that it hides one in /etc. */
export const kubeletMask = '/run/systemd/system.control/kubelet.service';

/**
 * Stops kubelet and keeps it from being started until the next boot: a target that upholds it would start it at once.
 * Faults: file.write, file.command.
 */
export function stopKubelet(): void {
  try {
    mkdirSync(dirname(kubeletMask), { recursive: true, mode: 0o755 });
    rmSync(kubeletMask, { force: true });
    symlinkSync('/dev/null', kubeletMask);
  } catch (cause) {
    throw new Fault('file.write', `Cannot mask kubelet by ${kubeletMask}: ${String(cause)}`, {
      where: kubeletMask,
      cause,
      next: 'Run as root',
    });
  }
  reloadUnits();
  stopUnits(['kubelet.service']);
  if (isKubeletRunning())
    throw new Fault('file.command', 'Cannot stop kubelet: it was stopped and masked, and runs', {
      where: kubeletMask,
      next: 'Take the node out of service by hand',
    });
}

/** Has systemd read its units again. Fault: file.command. */
export function reloadUnits(): void {
  actBy('systemctl', ['daemon-reload']);
}

/** Fault: file.command. */
export function startUnits(names: readonly string[]): void {
  if (names.length > 0) actBy('systemctl', ['start', ...names]);
}

/** Those that are not loaded are passed over. Fault: file.command. */
export function stopUnits(names: readonly string[]): void {
  const running = names.filter((name) => isActive(name));
  if (running.length > 0) actBy('systemctl', ['stop', ...running]);
}

/** What is known of units that are gone, but that they failed. Fault: file.command. */
export function forgetFailures(pattern: string): void {
  actBy('systemctl', ['reset-failed', pattern]);
}

function isActive(name: string): boolean {
  return /^ActiveState=(?:active|activating|reloading|refreshing)$/m.test(askState(name));
}
