import type { GoBuildInfo, GoModule } from '../../pipeline/formats/go-buildinfo/index.ts';

/** Prints build information as `go version -m` does, without the file's name in front. */
export function printLikeGo({ goVersion, path, main, dependencies, settings }: GoBuildInfo): string {
  const lines = [
    ...(path === null ? [] : [`path\t${path}`]),
    ...(main === null ? [] : moduleLines('mod', main)),
    ...dependencies.flatMap((module) => moduleLines('dep', module)),
    ...[...settings].map(([key, value]) => `build\t${quoted(key, /[= \t\r\n"`]/)}=${quoted(value, /[ \t\r\n"`]/)}`),
  ];
  return [goVersion, ...lines.map((line) => `\t${line}`)].map((line) => `${line}\n`).join('');
}

/** A replaced module is printed without its sum, and its replacement with a sum column and a line break more. */
function moduleLines(word: string, { path, version, sum, replacement }: GoModule): string[] {
  if (replacement === null) return [`${word}\t${path}\t${version}\t${sum ?? ''}`];
  return [
    `${word}\t${path}\t${version}`,
    `=>\t${replacement.path}\t${replacement.version}\t${replacement.sum ?? ''}`,
    '',
  ];
}

function quoted(text: string, special: RegExp): string {
  return text === '' || !special.test(text) ? text : JSON.stringify(text);
}
