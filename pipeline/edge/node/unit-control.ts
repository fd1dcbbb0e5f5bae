import { actBy, askState } from './command.ts';

/** Whether kubelet runs or is being started. Fault: file.command. */
export function isKubeletRunning(): boolean {
  return isActive('kubelet.service');
}

/** Fault: file.command. */
export function stopKubelet(): void {
  stopUnits(['kubelet.service']);
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

function isActive(name: string): boolean {
  return /^ActiveState=(?:active|activating|reloading|refreshing)$/m.test(askState(name));
}
