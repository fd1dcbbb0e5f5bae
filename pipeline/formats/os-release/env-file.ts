import { decodeUtf8, Fault, limits } from '../../core/index.ts';

/** What an environment file assigns: the last assignment of a key wins, as in systemd. */
export type Assignments = {
  readonly fields: ReadonlyMap<string, string>;
  /** Keys that are assigned more than once, in the order in which that was seen: other readers may take another one. */
  readonly duplicates: readonly string[];
};

const whitespace = ' \t\n\r';
const newline = '\n\r';
const comments = '#;';
const escapedInDoubleQuotes = '"\\`$';

/**
 * Parses a file of KEY=value lines exactly as systemd's parse_env_file_internal (src/basic/env-file.c) does, state for
 * state: it is systemd that decides by these files what is merged, so its reading is the one that counts, also where a
 * shell would read otherwise. Stricter in one respect: comments too must be UTF-8.
 *
 * Faults: limit.release-file-bytes, bytes.utf8, os-release.nul, os-release.character.
 */
export function parseEnvFile(bytes: Uint8Array, what: string): Assignments {
  const text = decodeText(bytes, what);
  const fields = new Map<string, string>();
  const duplicates = new Set<string>();
  for (const [key, value] of assignments(text)) {
    if (fields.has(key)) duplicates.add(key);
    fields.set(key, value);
  }
  return { fields, duplicates: [...duplicates] };
}

function decodeText(bytes: Uint8Array, what: string): string {
  if (bytes.byteLength > limits.releaseFileBytes)
    throw new Fault(
      'limit.release-file-bytes',
      `Cannot read ${what}: ${bytes.byteLength} bytes, want at most ${limits.releaseFileBytes}`,
    );
  // read_full_file() refuses a NUL: everything behind it would be invisible to one reader and not to another.
  const nul = bytes.indexOf(0);
  if (nul >= 0) throw new Fault('os-release.nul', `Cannot read ${what}: NUL byte, want text`, { where: `byte ${nul}` });
  const text = decodeUtf8(bytes, what);
  // utf8_is_valid() refuses noncharacters.
  if (/\p{Noncharacter_Code_Point}/u.test(text))
    throw new Fault('os-release.character', `Cannot read ${what}: Unicode noncharacter, want text`);
  return text;
}

type State =
  | 'pre-key'
  | 'key'
  | 'pre-value'
  | 'value'
  | 'value-escape'
  | 'single-quoted'
  | 'double-quoted'
  | 'double-quoted-escape'
  | 'comment'
  | 'comment-escape';

function* assignments(text: string): Generator<readonly [key: string, value: string]> {
  let state: State = 'pre-key';
  let key = '';
  let value = '';
  /** Length of the value up to its trailing white space, which no quote holds; undefined while there is none. */
  let chompAt: number | undefined;

  const assigned = (): readonly [string, string] => {
    const pair = [trimEnd(key), chompAt === undefined ? value : value.slice(0, chompAt)] as const;
    key = '';
    value = '';
    chompAt = undefined;
    return pair;
  };

  for (const c of text) {
    switch (state) {
      case 'pre-key':
        if (comments.includes(c)) state = 'comment';
        else if (!whitespace.includes(c)) {
          state = 'key';
          key = c;
        }
        break;
      case 'key':
        if (newline.includes(c)) {
          state = 'pre-key';
          key = '';
        } else if (c === '=') {
          state = 'pre-value';
        } else key += c;
        break;
      case 'pre-value':
        if (newline.includes(c)) {
          state = 'pre-key';
          yield assigned();
        } else if (c === "'") state = 'single-quoted';
        else if (c === '"') state = 'double-quoted';
        else if (c === '\\') state = 'value-escape';
        else if (!whitespace.includes(c)) {
          state = 'value';
          value += c;
        }
        break;
      case 'value':
        if (newline.includes(c)) {
          state = 'pre-key';
          yield assigned();
        } else if (c === '\\') {
          state = 'value-escape';
          chompAt = undefined;
        } else {
          if (!whitespace.includes(c)) chompAt = undefined;
          else chompAt ??= value.length;
          value += c;
        }
        break;
      case 'value-escape':
        state = 'value';
        if (!newline.includes(c)) value += c;
        break;
      case 'single-quoted':
        if (c === "'") state = 'pre-value';
        else value += c;
        break;
      case 'double-quoted':
        if (c === '"') state = 'pre-value';
        else if (c === '\\') state = 'double-quoted-escape';
        else value += c;
        break;
      case 'double-quoted-escape':
        state = 'double-quoted';
        if (escapedInDoubleQuotes.includes(c)) value += c;
        else if (c !== '\n') value += `\\${c}`;
        break;
      case 'comment':
        if (c === '\\') state = 'comment-escape';
        else if (newline.includes(c)) state = 'pre-key';
        break;
      case 'comment-escape':
        // Since systemd 254 an escaped line break ends a comment too.
        state = newline.includes(c) ? 'pre-key' : 'comment';
        break;
    }
  }
  // A file may end inside an assignment, even inside its quotes; a key without '=' assigns nothing.
  const open = state !== 'pre-key' && state !== 'key' && state !== 'comment' && state !== 'comment-escape';
  if (open) yield assigned();
}

function trimEnd(key: string): string {
  let end = key.length;
  while (end > 0 && whitespace.includes(key.charAt(end - 1))) end--;
  return key.slice(0, end);
}
