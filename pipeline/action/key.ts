import { Fault } from '../core/index.ts';
import { isFile } from './globs.ts';
import type { Inputs } from './inputs.ts';
import type { ActionWorld } from './world.ts';

/** The key as `--key` takes it: the path of a file, or the variable in which a command finds the text. */
export type KeyInput = { readonly option: string; readonly pem: string | null };

/** What only commands of this process see. */
export const keyVariable = 'NODEPROOF_KEY';

/**
 * Reads the input `key`: PEM as a secret holds it, or a path. Fault: usage.input, which holds nothing of the value: of a
 * secret that was pasted wrongly nothing may come into a log.
 */
export function readKeyInput(inputs: Inputs, world: ActionWorld): KeyInput | undefined {
  const value = inputs.text('key');
  if (value === undefined) return undefined;
  const pem = findPem(value);
  if (pem !== undefined) return { option: `env://${keyVariable}`, pem };
  if (isShortLine(value) && isFile(value, world.directory)) return { option: value, pem: null };
  throw new Fault(
    'usage.input',
    'Cannot use the input key: it is neither a PEM private key nor the path of a file (its value is not shown)',
    { where: 'key', next: `Give a secret that holds the whole PEM file, or a path below ${world.directory}` },
  );
}

function isShortLine(value: string): boolean {
  return value.length <= 4096 && !/\p{Cc}/u.test(value);
}

/** Secrets are pasted in many ways: with text before the key, in base64, or with spaces or `\n` where lines ended. */
function findPem(value: string): string | undefined {
  const text = [value, decodeBase64(value)].find((each) => each.includes('-----BEGIN '));
  return text?.replaceAll(
    /-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)-----END \1-----/gs,
    (_, label: string, body: string) => `\n-----BEGIN ${label}-----\n${restoreLines(body)}\n-----END ${label}-----\n`,
  );
}

function decodeBase64(value: string): string {
  return /^[A-Za-z0-9+/\s]+={0,2}$/.test(value) ? Buffer.from(value, 'base64').toString('latin1') : '';
}

/** An encrypted key of the older form has headers, whose lines have spaces of their own. */
function restoreLines(body: string): string {
  const text = body.replaceAll(/\\r|\\n/g, '\n').trim();
  return text.includes(':') ? text : text.replaceAll(/\s+/g, '\n');
}
